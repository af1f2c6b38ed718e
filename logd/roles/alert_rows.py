"""From messages to what an alerter counts of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from logd.alerts.counter import Counter
from logd.alerts.windows import Ints
from logd.chunk import Message
from logd.enrich.filters import Failed
from logd.parse.columns import Parsed
from logd.parse.parsing import Parsing
from logd.telemetry import metrics

log = logging.getLogger("logd.alerter")


class Rows(NamedTuple):
    """Records, and of each the partition and the position of the message that it came in, and when the transport took
    it (Unix µs)."""

    table: pa.Table
    parts: Ints
    positions: Ints
    taken_us: Ints


def slices(messages: Sequence[Message], slice_us: int) -> Iterator[Sequence[Message]]:
    """The messages in steps of the time at which the transport took them, those of each partition in order."""
    found: dict[int, list[Message]] = {}
    newest: dict[int, int] = {}
    for message in messages:
        # Where a clock went back, order goes before time.
        at = newest[message.partition] = max(newest.get(message.partition, 0), message.timestamp_us // slice_us)
        found.setdefault(at, []).append(message)
    for at in sorted(found):
        yield found[at]


def parsed_rows(parsing: Parsing, messages: Sequence[Message]) -> list[Rows]:
    """What can't be parsed at all becomes a dead letter in the processor."""
    started = time.perf_counter()
    parsed, refused = parsing.parse(messages)
    lost = {_place(one.message) for one in refused}
    kept = [place for one in messages if (place := _place(one)) not in lost]
    table, rows = _not_dropped(parsed)
    metrics.ALERT_PARSE_SECONDS.inc(time.perf_counter() - started)
    if not len(table):
        return []
    each = np.array(parsed.chunk_lines, np.int64)
    columns = (np.repeat(np.array(column, np.int64), each)[rows] for column in zip(*kept, strict=True))
    return [Rows(table, *columns)]


def count_rows(counter: Counter, parsed: Sequence[Rows]) -> None:
    """Together: a rule takes as long for many rows as for few."""
    if not parsed:
        return
    started = time.perf_counter()
    table = pa.concat_tables([rows.table for rows in parsed])
    numbers = np.concatenate([rows.parts for rows in parsed])
    positions = np.concatenate([rows.positions for rows in parsed])
    # A clock that was ahead, ours or that of who sent it, doesn't make a record one of the future.
    taken_us = np.minimum(np.concatenate([rows.taken_us for rows in parsed]), time.time_ns() // 1_000)
    try:
        counter.count(table, numbers, positions, taken_us)
    except Failed as error:
        log.error("alerts miss %d records, which can't be counted: %s", len(table), error)
    metrics.ALERT_LINES.inc(len(table))
    metrics.ALERT_COUNT_SECONDS.inc(time.perf_counter() - started)


def _place(message: Message) -> tuple[int, int, int]:
    return message.partition, message.position, message.timestamp_us


def _not_dropped(parsed: Parsed) -> tuple[pa.Table, Ints]:
    """The records that no rule drops, and which rows they were. What is sampled is dropped in the index alone."""
    rows = np.arange(len(parsed.table))
    dropped = [places for (what, _), places in parsed.left_out.items() if what == "dropped"]
    if not dropped:
        return parsed.table, rows
    kept = np.delete(rows, np.concatenate(dropped))
    return parsed.table.take(pa.array(kept)), kept
