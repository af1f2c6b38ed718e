"""What rules for records cost on one core, beside parsing: CPU of the thread, over the corpus' records."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from logd.chunk import Message
from logd.config.shaping import ShapeTable, SheddingTable
from logd.enrich.rules import compile_rules
from logd.enrich.shaping import Shaping
from logd.enrich.shedding import Shedding
from tests.bench.bench import Bench
from tests.bench.report import Line
from tests.bench.tables import OBSERVED_US, tables_of

_US = "CPU µs a line"
_MOST_LINES = 240_000
_CHUNK_LINES = 1_000
_RUNS = 3
#: What is usual is known within a run.
_WINDOWS: Mapping[str, Any] = {"window_seconds": 0.5, "warm_up_seconds": 0.5, "baseline_seconds": 60.0}
_NO_PEER = "no peer has such rules apart from its parsers"
#: As people have them: most name a service or a level, some a field, some words.
_DROPS = (
    *(f"level:DEBUG AND service:chatty-{number}" for number in range(4)),
    *(f"level:DEBUG AND service:{service}" for service in ("auth", "cart", "search", "order")),
    *(f"metadata.user_id:{user} AND level:INFO" for user in (25547, 2005, 14339, 12442)),
    *(f'"health check {number}"' for number in range(4)),
    *(f"service:{service} AND heartbeat" for service in ("auth", "cart", "search", "order")),
)


def shape_drop(bench: Bench) -> Line:
    """Twenty rules that drop; goal 2 µs a line."""
    return _case(bench, "shape_drop", [ShapeTable(type="drop", query=query) for query in _DROPS], goal=2.0)


def shape_sample(bench: Bench) -> Line:
    """A tenth of INFO is kept."""
    return _case(bench, "shape_sample", [ShapeTable(type="sample", query="level:INFO")])


def shape_redact(bench: Bench) -> Line:
    """All detectors over message and metadata; goal 3 µs a line."""
    return _case(bench, "shape_redact", [ShapeTable(type="redact")], goal=3.0)


def shape_fields(bench: Bench) -> Line:
    """A field and a tag set, one renamed, one removed."""
    rules = [
        ShapeTable(type="set", fields={"environment": "production", "tags": ["shaped"]}),
        ShapeTable(type="rename", fields={"user_id": "customer"}),
        ShapeTable(type="remove", names=["duration_ms"]),
    ]
    return _case(bench, "shape_fields", rules)


def shape_calm(bench: Bench) -> Line:
    """[shedding] is on, and nothing is shed; goal 0.1 µs a line."""
    return _shedding(bench, "shape_calm", SheddingTable(spike_factor=5.0, lag_seconds=60.0, **_WINDOWS), goal=0.1)


def shape_spike(bench: Bench) -> Line:
    """All of it is a spike: of DEBUG and INFO a tenth is kept."""
    return _shedding(bench, "shape_spike", SheddingTable(spike_factor=1e-9, spike_lines_per_second=0.0, **_WINDOWS))


def _shedding(bench: Bench, name: str, settings: SheddingTable, goal: float | None = None) -> Line:
    """A batch each 0.2 s of the stream, of chunks of 1,000 lines."""
    count = min(bench.corpus.lines, _MOST_LINES)
    tables = list(tables_of(count))
    shedding = Shedding(settings)
    now_us, position, kept, times = OBSERVED_US, 0, 0, []
    for _ in range(_RUNS + 1):
        begin = time.thread_time()
        kept = 0
        for table in tables:
            lines = [min(_CHUNK_LINES, len(table) - start) for start in range(0, len(table), _CHUNK_LINES)]
            now_us += 200_000
            messages = [Message(0, position + at, now_us - 1_000, "", {}, b"") for at in range(len(lines))]
            position += len(lines)
            shed = shedding.shed(table, None, messages, lines, now_us)
            kept += len(table) if shed.kept is None else int(shed.kept.true_count)
        times.append(time.thread_time() - begin)
    cpu_us = min(times[1:]) * 1e6 / count  # what is usual isn't known in the first run
    return Line(name, cpu_us, _US, count, goal=goal, note=_NO_PEER, more={"kept": kept / count})


def _case(bench: Bench, name: str, rules: Sequence[ShapeTable], goal: float | None = None) -> Line:
    count = min(bench.corpus.lines, _MOST_LINES)
    tables = list(tables_of(count))
    shaping = Shaping(compile_rules(rules))
    try:
        kept = sum(_kept(shaping, table) for table in tables)
        times = []
        for _ in range(_RUNS):
            begin = time.thread_time()
            for table in tables:
                shaping.shape(table)
            times.append(time.thread_time() - begin)
    finally:
        shaping.close()
    cpu_us = min(times) * 1e6 / count
    return Line(name, cpu_us, _US, count, goal=goal, note=_NO_PEER, more={"kept": kept / count})


def _kept(shaping: Shaping, table: pa.Table) -> int:
    kept = shaping.shape(table).kept
    return len(table) if kept is None else int(kept.true_count)
