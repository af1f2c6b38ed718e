"""What taking the corpus as NDJSON over HTTP costs. logd answers 202 once durable (fsynced), its peer before."""

from collections.abc import Callable

from tests.bench.bench import Bench, Loaded
from tests.bench.report import (
    GOAL_LINES,
    REFERENCE_BYTES_A_LINE,
    REFERENCE_INGEST_CPU_SECONDS,
    Line,
    compared,
)

_MEGABYTE = 1_000_000


def ingest(bench: Bench) -> Line:
    """CPU seconds (user and system) from the first byte sent until every line is searchable."""
    logd, peer = bench.logd(), bench.peer()
    return compared(
        "ingest",
        logd.cpu_seconds,
        "CPU s",
        bench.corpus.lines,
        peer=_figure(peer, lambda loaded: loaded.cpu_seconds),
        reference=REFERENCE_INGEST_CPU_SECONDS * bench.corpus.lines / GOAL_LINES,
        goal_ratio=0.5,
        more={"wall_seconds": logd.wall_seconds, "peer_wall_seconds": None if peer is None else peer.wall_seconds},
    )


def ingest_rss(bench: Bench) -> Line:
    """Peak resident memory from the start of the process until every line is searchable."""
    logd, peer = bench.logd(), bench.peer()
    return compared(
        "ingest_rss",
        logd.peak_rss_bytes / _MEGABYTE,
        "MB",
        bench.corpus.lines,
        peer=_figure(peer, lambda loaded: loaded.peak_rss_bytes / _MEGABYTE),
        reference=None,
        goal=400.0,
    )


def cpu_until_quiet(bench: Bench) -> Line:
    """CPU seconds from the first byte sent until flushes, merges and indexes are done. Runs before any search."""
    logd, peer = bench.logd(), bench.peer()
    return compared(
        "cpu_until_quiet",
        _cpu_until_quiet(logd),
        "CPU s",
        bench.corpus.lines,
        peer=_figure(peer, _cpu_until_quiet),
        reference=None,
        goal_ratio=1.0,
    )


def bytes_a_line(bench: Bench) -> Line:
    """File lengths in the data folder once quiet, by lines."""
    logd, peer = bench.logd(), bench.peer()
    lines = bench.corpus.lines
    return compared(
        "bytes_a_line",
        _disk_bytes(logd) / lines,
        "bytes",
        lines,
        peer=_figure(peer, lambda loaded: _disk_bytes(loaded) / lines),
        reference=REFERENCE_BYTES_A_LINE,
        goal=52.0,
    )


def _figure(peer: Loaded | None, measure: Callable[[Loaded], float]) -> tuple[str, float] | None:
    return None if peer is None else (peer.system.name, measure(peer))


def _cpu_until_quiet(loaded: Loaded) -> float:
    loaded.wait_until_quiet(flushed=True)
    return loaded.system.process.cpu_seconds() - loaded.cpu_at_start


def _disk_bytes(loaded: Loaded) -> int:
    loaded.wait_until_quiet(flushed=True)
    return loaded.system.process.disk_bytes()
