"""Any shipment is whole chunks, which give records or are dead letters; or it is refused. A record likewise."""

from __future__ import annotations

import struct
import zlib

import atheris

from logd import shipment
from logd.chunk import CRI, DOCKER, Chunk, Message, compress, events_body, from_message
from logd.errors import BadRequest, Corrupt
from logd.parse.columns import NDJSON
from logd.parse.plan import Parser
from logd.parse.window import Limits


def _chunk(value: bytes, lines: int, end: int, events: bool = False) -> Chunk:
    return Chunk(
        service="s",
        host="h",
        source="/x",
        source_id="0123456789abcdef",
        offset=0,
        end=end,
        lines=lines,
        observed_us=1_763_805_600_000_000,
        value=value,
        events=events,
        tags=("a",),
        fields={"b": 1},
    )


_LINES = _chunk(compress(b"one\ntwo\n"), 2, 8)
_EVENTS = _chunk(compress(events_body([0, 4], [b"a\nb", b"c"])), 2, 8, events=True)
SEEDS = (shipment.encode([_LINES]), shipment.encode([_LINES, _EVENTS]))
_HEAD_BYTES = len(shipment.encode([]))
#: For headers; an empty one stands for any text.
_ODD = ["", "0", "1", "2", "-1", "999999999999", "events", "line", NDJSON, DOCKER, CRI, "[]", "{", '{"a":1e999}']
_parser = Parser("UTC", Limits(), 256 * 1024 * 1024)


def test_one_input(data: bytes) -> None:
    """Fails on every exception but a refusal: of a frame with a right checksum, since nothing behind a wrong one would
    be seen, and of a chunk around a body that decompresses."""
    _take(data[: _HEAD_BYTES - 4] + struct.pack("<I", zlib.crc32(data[_HEAD_BYTES:])) + data[_HEAD_BYTES:])
    given = atheris.FuzzedDataProvider(data)
    headers = dict(_LINES.to_envelope().headers)
    for _ in range(given.ConsumeIntInRange(0, 4)):
        headers[given.PickValueInList(list(headers))] = given.PickValueInList(_ODD) or given.ConsumeUnicode(20)
    _parse(Message(0, 0, 0, "s", headers, compress(given.ConsumeBytes(len(data)))))


def _take(body: bytes) -> None:
    try:
        shipped = shipment.decode(body)
    except BadRequest:
        return
    for place, envelope in enumerate(shipped.envelopes):
        _parse(Message(0, place, 0, envelope.key, envelope.headers, envelope.value))


def _parse(message: Message) -> None:
    try:
        table = _parser.parse([from_message(message)], [0]).table
    except Corrupt:
        return
    table.validate(full=True)
