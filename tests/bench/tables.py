"""The corpus' records, as a role has them once they are parsed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

import pyarrow as pa

from logd.chunk import Chunk, compress
from logd.parse.plan import Parser
from tests.bench.corpus import generate

#: What a role joins, see parse.join_lines.
_BATCH_LINES = 24_000
OBSERVED_US = 1_795_600_000_000_000


def tables_of(count: int) -> Iterator[pa.Table]:
    """So many records, in batches as a role makes them."""
    for table, _ in timed_tables_of(count):
        yield table


def timed_tables_of(count: int) -> Iterator[tuple[pa.Table, float]]:
    """The same, with the CPU seconds that parsing took."""
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
                observed_us=OBSERVED_US,
                value=compress(b"".join(part)),
                content_type="application/x-ndjson",
            )
            began = time.thread_time()
            table = parser.parse([chunk], [0]).table
            yield table, time.thread_time() - began
    finally:
        parser.close()
