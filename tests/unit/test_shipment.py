"""The body in which a remote agent sends chunks: what goes in comes out, and nothing else does."""

from __future__ import annotations

import contextlib
import zlib
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logd import shipment
from logd.chunk import MAX_VALUE_BYTES, Chunk, Positions, compress, events_body
from logd.errors import BadRequest

_BODY = b"one\ntwo\n"
_HEAD_BYTES = 13


def _chunk(**changes: Any) -> Chunk:
    usual: dict[str, Any] = {
        "service": "s",
        "host": "h",
        "source": "/app.log",
        "source_id": "0" * 16,
        "offset": 10,
        "end": 10 + len(_BODY),
        "lines": 2,
        "observed_us": 1,
        "value": compress(_BODY),
    }
    return Chunk(**{**usual, **changes})


@st.composite
def _chunks(draw: st.DrawFn) -> Chunk:
    body = draw(st.binary(min_size=1, max_size=300))
    offset, events = draw(st.integers(0, 2**40)), draw(st.booleans())
    return _chunk(
        service=draw(st.text(min_size=1)),
        host=draw(st.text()),
        source=draw(st.text()),
        source_id=f"{draw(st.integers(0, 2**64 - 1)):016x}",
        offset=offset,
        end=offset + len(body),
        lines=1 if events else draw(st.integers(1, 1_000)),
        observed_us=draw(st.integers(0, 2**50)),
        value=compress(events_body([offset], [body]) if events else body),
        events=events,
        tags=tuple(draw(st.lists(st.text(), max_size=3))),
        fields=draw(st.dictionaries(st.text(), st.integers(-(2**60), 2**60) | st.text(), max_size=3)),
        service_locked=draw(st.booleans()),
        host_locked=draw(st.booleans()),
    )


def _framed(*records: tuple[bytes, bytes], count: int | None = None, version: int = 1, behind: bytes = b"") -> bytes:
    """A body of (headers, value) with a good checksum."""
    content = b"".join(
        len(headers).to_bytes(4, "little") + len(value).to_bytes(4, "little") + headers + value
        for headers, value in records
    )
    content += behind
    number = len(records) if count is None else count
    head = b"LGDS" + bytes([version]) + number.to_bytes(4, "little")
    return head + zlib.crc32(content).to_bytes(4, "little") + content


def _record(changes: dict[str, str | None] | None = None, value: bytes | None = None) -> tuple[bytes, bytes]:
    envelope = _chunk().to_envelope()
    headers = {**envelope.headers, **(changes or {})}
    kept = {name: text for name, text in headers.items() if text is not None}
    return msgspec.json.encode(kept), envelope.value if value is None else value


def _refusal(body: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        shipment.decode(body)
    assert refused.value.status == 400
    return refused.value


@settings(deadline=None)
@given(st.lists(_chunks(), max_size=5))
def test_round_trip(chunks: list[Chunk]) -> None:
    shipped = shipment.decode(shipment.encode(chunks))
    assert shipped.envelopes == [chunk.to_envelope() for chunk in chunks]
    assert shipped.lines == sum(chunk.lines for chunk in chunks)
    assert shipped.value_bytes == sum(len(chunk.value) for chunk in chunks)


def test_the_layout_is_what_the_module_says() -> None:
    assert shipment.encode([_chunk(), _chunk(offset=0, end=8)]) == _framed(
        _record(), _record({"offset": "0", "end": "8"})
    )


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    assert _refusal(noise).code == "bad_shipment"


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_noise_in_a_good_frame_is_refused(noise: bytes, count: int) -> None:
    body = _framed(count=count, behind=noise)
    if not noise and not count:
        assert shipment.decode(body).envelopes == []
    else:
        assert _refusal(body).code in ("bad_shipment", "bad_chunk")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(_chunk().to_envelope().headers)), st.text()), st.binary(max_size=60))
def test_noise_in_headers_and_value_gives_a_chunk_or_a_refusal(changes: dict[str, str], value: bytes) -> None:
    with contextlib.suppress(BadRequest):
        shipment.decode(_framed(_record({**changes}, value)))


@given(st.data())
def test_every_cut_and_every_changed_byte_is_seen(data: st.DataObject) -> None:
    body = shipment.encode([_chunk(), _chunk(offset=18, end=26)])
    cut = data.draw(st.integers(0, len(body) - 1))
    _refusal(body[:cut])
    changed = bytearray(body)
    changed[cut] ^= data.draw(st.integers(1, 255))
    _refusal(bytes(changed))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the body has 0 bytes, its head alone 13"),
        (b"{}" * 20, "the body begins with b'{}{}', not b'LGDS'"),
        (_framed(version=2), "the body has version 2, this logd knows 1"),
        (_framed(_record(), count=2), "the body ends within chunk 1 of 2"),
        (_framed(_record(), count=1_025), "the body has 1025 chunks, at most 1024"),
        (_framed(_record(), behind=b"x"), "the body has 1 bytes behind its 1 chunks"),
        (_framed(_record())[:-1], "the body was changed or cut on its way: its checksum differs"),
        (_framed(behind=b"\xff" * 8, count=1), "the body ends within chunk 0 of 1"),
        (_framed(_record({"logd-chunk": "2"})), "the body has chunks of version '2', this logd knows '1'"),
    ],
)
def test_what_is_wrong_with_the_frame(body: bytes, sentence: str) -> None:
    error = _refusal(body)
    assert (error.code, error.where, str(error)) == ("bad_shipment", "body", sentence)


_FRAME = zstandard.ZstdCompressor(write_content_size=False).compress(_BODY)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ((b"{", b""), "Input data was truncated"),
        ((b'{"end": 1}', b""), "Expected `str`, got `int`"),
        ((b'{"a": "\xff"}', b""), "can't decode byte 0xff"),
        ((b'"' + b"x" * 131_072, b""), "headers of 131073 bytes, at most 131072"),
        (_record({"logd-chunk": None}), "no header logd-chunk"),
        (_record({"source-id": "0" * 15}), "source-id '000000000000000' is not 16 hex digits"),
        (_record({"source-id": "G" * 16}), "is not 16 hex digits"),
        (_record({"offset": "-1"}), "'-1' is not a number"),
        (_record({"end": None}), "end is None, expected more than the offset, 10"),
        (_record({"end": "10"}), "end is 10, expected more than the offset, 10"),
        (_record({"end": "17"}), "positions 10 to 17 for 8 of them"),
        (_record({"positions": "line", "end": "13"}), "positions 10 to 13 for 2 of them"),
        (_record({"positions": "word"}), "'word' is not a valid Positions"),
        (_record({"lines": "0"}), "0 lines, expected 1 to 1000"),
        (_record({"lines": "1001"}), "1001 lines, expected 1 to 1000"),
        (_record({"tags": "{}"}), "Expected `array`, got `object`"),
        (_record({"fields": "[" * 100_000}), "can't be read"),
        (_record(value=b""), "not enough data for frame parameters"),
        (_record(value=b"no zstd frame"), "cannot get frame parameters"),
        (_record(value=_FRAME), "a value that says to hold 18446744073709551615 bytes"),
        (_record(value=compress(_BODY)[:-1]), "a zstd frame of 17 bytes in a value of 16"),
        (_record(value=compress(_BODY)[:8]), "a zstd frame that is cut after 8 bytes"),
        (_record(value=compress(_BODY) * 2), "a zstd frame of 17 bytes in a value of 34"),
        (_record(value=compress(bytes(73 * 1024 * 1024))), "a value that says to hold 76546048 bytes"),
        (_record(value=bytes(MAX_VALUE_BYTES + 1)), "a value of 900001 bytes, at most 900000"),
    ],
)
def test_what_is_wrong_with_a_chunk(record: tuple[bytes, bytes], sentence: str) -> None:
    error = _refusal(_framed(_record(), record, _record()))
    assert (error.code, error.where) == ("bad_chunk", "chunks[1]")
    assert str(error).startswith("chunk 1 of 3: ")
    assert sentence in str(error)


@given(st.integers(0, 400_000), st.booleans(), st.booleans())
@example(131_072, True, False)
@example(262_144, False, True)
@example(0, False, False)
@settings(deadline=None, max_examples=30)
def test_every_frame_that_zstd_writes_is_one(size: int, checksum: bool, random: bool) -> None:
    body = (b"%d" % 7**size)[:size] if random and size < 2_000 else bytes(size)
    value = zstandard.ZstdCompressor(write_checksum=checksum).compress(body)
    headers = {"end": str(size + 1), "offset": "0", "positions": "byte", "layout": "events"}
    assert len(shipment.decode(_framed(_record({**headers}, value))).envelopes) == 1


def test_positions_by_line() -> None:
    chunk = _chunk(positions=Positions.LINE, end=12)
    assert shipment.decode(shipment.encode([chunk])).envelopes == [chunk.to_envelope()]
