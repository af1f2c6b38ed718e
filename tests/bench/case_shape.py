"""What rules for records cost on one core, beside parsing: CPU of the thread, over the corpus' records."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice

import pyarrow as pa

from logd.chunk import Chunk, compress
from logd.config.shaping import ShapeTable
from logd.enrich.rules import compile_rules
from logd.enrich.shaping import Shaping
from logd.parse.plan import Parser
from tests.bench.bench import Bench
from tests.bench.corpus import generate
from tests.bench.report import Line

_US = "CPU µs a line"
_MOST_LINES = 240_000
#: What a role joins, see parse.join_lines.
_BATCH_LINES = 24_000
_RUNS = 3
_NO_PEER = "no peer has such rules apart from its parsers"
_OBSERVED_US = 1_795_600_000_000_000
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


def _case(bench: Bench, name: str, rules: Sequence[ShapeTable], goal: float | None = None) -> Line:
    count = min(bench.corpus.lines, _MOST_LINES)
    tables = list(_tables(count))
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


def _tables(count: int) -> Iterator[pa.Table]:
    """The corpus' records, in batches as a role makes them."""
    lines = generate(count)
    parser = Parser()
    try:
        while part := list(islice(lines, _BATCH_LINES)):
            chunk = Chunk(
                service="bench",
                host="host-1",
                source="/var/log/bench.log",
                source_id="0123456789abcdef",
                offset=0,
                lines=len(part),
                observed_us=_OBSERVED_US,
                value=compress(b"".join(part)),
                content_type="application/x-ndjson",
            )
            yield parser.parse([chunk], [0]).table
    finally:
        parser.close()
