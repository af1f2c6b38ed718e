"""Messages of several partitions as rows by partition, with what became of all lines."""

from __future__ import annotations

from logd.chunk import Message
from logd.config.schema import Config
from logd.config.shaping import ShapeTable
from logd.parse.parsing import Parsing
from logd.roles.archiving_rows import rows_of
from logd.roles.parsing import parser_of
from logd.seams import Tally
from tests.support.processing import envelope, unreadable


def _message(partition: int, position: int, *lines: str) -> Message:
    one = envelope(position, *lines) if lines else unreadable(position)
    return Message(partition, position, 1_000 + position, one.key, dict(one.headers), one.value)


def test_each_partition_has_its_own() -> None:
    config = Config(shape=[ShapeTable(type="drop", query="heartbeat")])
    messages = [
        _message(1, 10, "a", "heartbeat", "b"),
        _message(0, 5, "c"),
        _message(1, 11),
        _message(0, 7, "heartbeat", "heartbeat"),
        _message(2, 3),
        _message(1, 12, "d"),
    ]
    parsing = Parsing(parser_of(config))
    try:
        found = rows_of(parsing, messages)
    finally:
        parsing.close()
    assert [(rows.partition, rows.start, rows.end, rows.taken_us) for rows in found] == [
        (0, 5, 8, 1_005),
        (1, 10, 13, 1_010),
        (2, 3, 4, 1_003),
    ]
    assert [rows.table["message"].to_pylist() for rows in found] == [["c"], ["a", "b", "d"], []]
    assert [rows.tally for rows in found] == [
        Tally(taken=3, stored=1, dropped=2),
        Tally(taken=5, stored=3, refused=1, dropped=1),
        Tally(taken=1, refused=1),
    ]
