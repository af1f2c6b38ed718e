"""What a line costs a processor between Kafka and Elasticsearch, into a sink that discards, everything included.

What is compared is measured in turn, several times where the corpus is whole; the figures are medians.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from statistics import median

from tests.bench import fluent_bit
from tests.bench.bench import Bench
from tests.bench.burst import Burst, burst
from tests.bench.case_chunks import FULL_LINES, SMALL_LINES, chunks
from tests.bench.report import GOAL_LINES, Line, compared

#: So many that every partition has some: then four processors have as much to do each.
_SERVICES = 200
_PROCESSORS = 4
#: Of the corpus, that processors take before: the first part of it.
_WARM_UP = 10
_RUNS = 3
_GOAL_US = 6.0
_GOAL_SMALL_RATIO = 2.5
_GOAL_MANY_RATIO = 1.1
_GOAL_RSS_MB = 500.0
#: Of Fluent Bit, when the goal was set.
_REFERENCE_US = 8.0
_MEGABYTE = 1_000_000
_UNIT = "CPU µs a line"
_Measure = Callable[[], Burst]


def cluster_sink(bench: Bench) -> Line:
    """1,000-line chunks, one processor; its peer reads the same lines from a file."""
    executable = bench.peers.fluent_bit
    measures = {"logd": _logd(bench)}
    if executable is not None:
        engines = bench.engines
        measures["peer"] = lambda: fluent_bit.run(executable, bench.corpus, engines.sink, engines.new_folder("peer"))
    measured = _in_turn(bench, measures)
    logd, peer = measured["logd"], measured.get("peer")
    return compared(
        "cluster_sink",
        _cpu_us(logd),
        _UNIT,
        bench.corpus.lines,
        peer=None if peer is None else (fluent_bit.NAME, _cpu_us(peer)),
        reference=_REFERENCE_US,
        reference_name="Fluent Bit when the goal was set",
        no_peer=f"set ${fluent_bit.BINARY_VARIABLE} to the path of its binary to measure it in the same run",
        goal=_GOAL_US if peer is None else min(_GOAL_US, _cpu_us(peer)),
        more={**_spread(logd), "body_bytes": _body_bytes(logd), **_of_peer(peer)},
    )


def cluster_small_chunks(bench: Bench) -> Line:
    """25-line chunks, against the same lines in full ones."""
    measured = _in_turn(bench, {"small": _logd(bench, SMALL_LINES), "full": _logd(bench)})
    small, full = measured["small"], measured["full"]
    return _against(
        "cluster_small_chunks", bench, small, full, _GOAL_SMALL_RATIO, "full_chunks", f"chunks of {FULL_LINES} lines"
    )


def cluster_four(bench: Bench) -> Line:
    """Four processors that share the partitions, all of them together, against one."""
    measured = _in_turn(bench, {"four": _logd(bench, processors=_PROCESSORS), "one": _logd(bench)})
    four, one = measured["four"], measured["one"]
    return _against("cluster_four", bench, four, one, _GOAL_MANY_RATIO, "one_processor", "one processor")


def cluster_rss(bench: Bench) -> Line:
    """Peak resident memory of a processor that finds the whole corpus waiting, in small chunks."""
    one = _logd(bench, SMALL_LINES)()
    return Line(
        "cluster_rss", one.peak_rss_bytes / _MEGABYTE, "MB", one.lines, goal=_GOAL_RSS_MB, note="no peer: see its goal"
    )


def _logd(bench: Bench, chunk_lines: int = FULL_LINES, processors: int = 1) -> _Measure:
    made = list(chunks(bench.corpus, chunk_lines, _SERVICES))
    warm_up = list(islice(made, max(processors, len(made) // _WARM_UP)))
    return lambda: burst(bench.engines, made, warm_up, processors)


def _in_turn(bench: Bench, measures: Mapping[str, _Measure]) -> Mapping[str, Sequence[Burst]]:
    measured: dict[str, list[Burst]] = {name: [] for name in measures}
    for _ in range(_RUNS if bench.corpus.lines >= GOAL_LINES else 1):
        for name, measure in measures.items():
            measured[name].append(measure())
    return measured


def _against(
    case: str, bench: Bench, runs: Sequence[Burst], base: Sequence[Burst], most: float, name: str, what: str
) -> Line:
    value, other = _cpu_us(runs), _cpu_us(base)
    return Line(
        case,
        value,
        _UNIT,
        bench.corpus.lines,
        goal=most * other,
        ratio=value / other,
        note=f"ratio to {what}",
        more={name: other, **_spread(runs)},
    )


def _cpu_us(runs: Sequence[Burst]) -> float:
    return median(run.cpu_us_a_line for run in runs)


def _spread(runs: Sequence[Burst]) -> Mapping[str, float]:
    each = [run.cpu_us_a_line for run in runs]
    return {
        "least": min(each),
        "most": max(each),
        "wall_seconds": median(run.wall_seconds for run in runs),
        "rss_megabytes": max(run.peak_rss_bytes for run in runs) / _MEGABYTE,
    }


def _body_bytes(runs: Sequence[Burst]) -> float:
    return runs[0].taken.bytes / runs[0].taken.documents


def _of_peer(runs: Sequence[Burst] | None) -> Mapping[str, float]:
    if runs is None:
        return {}
    return {**{f"peer_{name}": value for name, value in _spread(runs).items()}, "peer_body_bytes": _body_bytes(runs)}
