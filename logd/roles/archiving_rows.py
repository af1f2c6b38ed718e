"""Messages of several partitions, as rows by partition: for the archiver, which says of each partition what it has."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from logd.chunk import Message
from logd.parse.joining import lines_of
from logd.parse.parsing import Parsing
from logd.seams import Tally


class Rows(msgspec.Struct, frozen=True):
    """Of a partition's messages from `start` to before `end`, the rows that no rule leaves out, what became of all
    their lines, and when the transport took the first of them, in Unix µs."""

    partition: int
    start: int
    end: int
    table: pa.Table
    tally: Tally
    taken_us: int


def rows_of(parsing: Parsing, messages: Sequence[Message]) -> list[Rows]:
    """For the thread of the parser; the messages of each partition are in order."""
    ordered = sorted(messages, key=lambda message: message.partition)
    parsed, refused = parsing.parse(ordered)
    lost = {(one.message.partition, one.message.position): one.message for one in refused}
    of_chunk = [one.partition for one in ordered if (one.partition, one.position) not in lost]
    lines = np.array(parsed.chunk_lines, np.int64)
    partitions = np.array(of_chunk, np.int64)
    found = []
    first = 0
    for partition in sorted({message.partition for message in ordered}):
        own = [message for message in ordered if message.partition == partition]
        rows = int(lines[partitions == partition].sum())
        table = parsed.table.slice(first, rows)
        if parsed.kept is not None:
            table = table.filter(parsed.kept.slice(first, rows))
        left_out = {"dropped": 0, "sampled": 0}
        for (what, _), places in parsed.left_out.items():
            left_out[what] += int(((places >= first) & (places < first + rows)).sum())
        refused_lines = lines_of([message for (number, _), message in lost.items() if number == partition])
        tally = Tally(rows + refused_lines, len(table), 0, refused_lines, left_out["dropped"], left_out["sampled"])
        start, end = own[0].position, own[-1].position + 1
        found.append(Rows(partition, start, end, table, tally, own[0].timestamp_us))
        first += rows
    return found
