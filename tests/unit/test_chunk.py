"""The wire format: round trips, records of others, and whatever else a transport may hand over."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from logd import chunk
from logd.chunk import Chunk, Message, Positions, ends_of_source
from logd.errors import Corrupt
from logd.parse.lines import join

SOURCE = "0123456789abcdef"


def message_of(item: Chunk, position: int = 7) -> Message:
    """The chunk as a consumer gets it."""
    envelope = item.to_envelope()
    return Message(0, position, 1_700_000_000_000_000, envelope.key, envelope.headers, envelope.value)


def simple(**changes: Any) -> Chunk:
    """A chunk of two lines, but for the changes."""
    usual: dict[str, Any] = {
        "service": "s",
        "host": "h",
        "source": "/var/log/x",
        "source_id": SOURCE,
        "offset": 5,
        "lines": 2,
        "observed_us": 1_700_000_000_000_000,
        "value": chunk.compress(b"one\ntwo\n"),
    }
    return Chunk(**{**usual, **changes})


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
PLACES = st.integers(0, 2**40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
CHUNKS = st.builds(
    Chunk,
    service=NAMES.filter(bool),
    host=NAMES,
    source=NAMES,
    source_id=st.text("0123456789abcdef", min_size=16, max_size=16),
    offset=PLACES,
    lines=st.integers(0, 1_000),
    observed_us=st.integers(0, 2**56),
    value=st.binary(max_size=20),
    end=st.none() | PLACES,
    content_type=st.sampled_from(["text/plain", "application/x-ndjson"]),
    positions=st.sampled_from(list(Positions)),
    events=st.booleans(),
    tags=st.lists(NAMES, max_size=3).map(tuple),
    fields=st.dictionaries(NAMES, JSON, max_size=3),
    service_locked=st.booleans(),
    host_locked=st.booleans(),
)


class TestRoundTrip:
    @given(CHUNKS)
    def test_a_chunk_stays_what_it_is(self, item: Chunk) -> None:
        message = message_of(item)
        assert chunk.from_message(message) == item
        assert message.key == item.service
        assert all(isinstance(text, str) for text in message.headers.values())

    def test_how_long_it_is_remembered_travels_with_its_end(self) -> None:
        assert chunk.from_message(message_of(simple(end=9, remember_seconds=60))).remember_seconds == 60
        assert "remember" not in simple(remember_seconds=60).to_envelope().headers

    def test_the_same_chunk_is_the_same_bytes(self) -> None:
        first, second = (simple(end=9, tags=("a",), fields={"x": 1}).to_envelope() for _ in range(2))
        assert first == second
        assert chunk.compress(b"body" * 100) == chunk.compress(b"body" * 100)

    def test_unknown_headers_are_ignored(self) -> None:
        message = message_of(simple())
        message.headers["from-the-future"] = "yes"
        assert chunk.from_message(message) == simple()

    def test_what_may_be_absent(self) -> None:
        headers = {"logd-chunk": "1", "source-id": SOURCE, "offset": "0", "lines": "1", "observed": "5"}
        item = chunk.from_message(Message(0, 1, 5, "", headers, b"x"))
        assert item == Chunk(
            service="unknown", host="", source="", source_id=SOURCE, offset=0, lines=1, observed_us=5, value=b"x"
        )

    @given(st.binary(max_size=2_000))
    def test_bodies(self, body: bytes) -> None:
        assert chunk.decompress(chunk.compress(body)) == body

    def test_a_body_of_unknown_size(self) -> None:
        compressor = zstandard.ZstdCompressor().compressobj()
        assert chunk.decompress(compressor.compress(b"streamed") + compressor.flush()) == b"streamed"

    @pytest.mark.parametrize(("position", "text"), [(0, "000000000000"), (255, "0000000000ff"), (16**12 - 1, "f" * 12)])
    def test_log_ids(self, position: int, text: str) -> None:
        assert chunk.log_id(SOURCE, position) == f"{SOURCE}-{text}"

    def test_log_ids_sort_in_source_order(self) -> None:
        positions = [0, 9, 10, 15, 16, 255, 2**32, 2**47]
        ids = [chunk.log_id(SOURCE, position) for position in positions]
        assert ids == sorted(ids)


class TestLayouts:
    @given(st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), min_size=1, max_size=6), PLACES)
    def test_lines(self, lines: list[bytes], offset: int) -> None:
        whole = b"".join(line + b"\n" for line in lines)
        body = whole if lines[-1] == b"" else whole[:-1]
        for value in (whole, body):
            item = simple(value=chunk.compress(value), offset=offset, lines=len(lines))
            joined = join([item])
            assert _bytes(joined.text) == [_mended(line) for line in lines]
            starts = [offset + sum(len(before) + 1 for before in lines[:number]) for number in range(len(lines))]
            assert joined.position.tolist() == starts
            by_line = join([msgspec.structs.replace(item, positions=Positions.LINE)])
            assert by_line.position.tolist() == [offset + number for number in range(len(lines))]

    @given(st.lists(st.tuples(st.integers(0, 2**47), st.binary(max_size=6)), max_size=6))
    def test_events(self, events: list[tuple[int, bytes]]) -> None:
        events.sort()
        body = chunk.events_body([position for position, _ in events], [text for _, text in events])
        item = simple(value=chunk.compress(body), events=True, lines=len(events))
        joined = join([simple(), item])
        assert _bytes(joined.text)[2:] == [_mended(text) for _, text in events]
        assert joined.position.tolist()[2:] == [position for position, _ in events]
        assert joined.chunk.tolist() == [0, 0] + [1] * len(events)

    def test_an_empty_body_is_one_empty_line(self) -> None:
        assert _bytes(join([simple(value=chunk.compress(b""))]).text) == [b""]

    def test_nothing_joined_is_nothing(self) -> None:
        assert len(join([])) == 0

    def test_events_are_as_the_module_says(self) -> None:
        body = chunk.events_body([1, 2**40], [b"ab", b"c"])
        assert body == struct.pack("<qqii", 1, 2**40, 2, 1) + b"abc"


class TestForeign:
    @pytest.mark.parametrize("text", [b"hello", b"", b"a\nb\n", b"\xff\x00"])
    def test_a_record_without_the_header_is_one_line(self, text: bytes) -> None:
        headers = {"host": "h", "source": "filebeat", "content-type": "application/json"}
        item = chunk.from_message(Message(3, 41, 1_700, "nginx", headers, text))
        assert (item.service, item.host, item.source, item.content_type) == (
            "nginx",
            "h",
            "filebeat",
            "application/json",
        )
        assert (item.source_id, item.observed_us, item.end) == ("0000000000000003", 1_700, None)
        joined = join([item])
        assert _bytes(joined.text) == [_mended(text)]
        assert joined.position.tolist() == [41]

    def test_its_content_type_without_parameters(self) -> None:
        headers = {"content-type": "Application/X-CRI; charset=utf-8"}
        assert chunk.from_message(Message(0, 1, 1, "k", headers, b"x")).content_type == chunk.CRI

    @pytest.mark.parametrize(
        ("key", "headers", "service"),
        [("k", {}, "k"), ("k", {"service": "s"}, "s"), ("", {}, "unknown"), ("", {"service": ""}, "unknown")],
    )
    def test_its_service(self, key: str, headers: dict[str, str], service: str) -> None:
        assert chunk.from_message(Message(0, 1, 1, key, headers, b"x")).service == service


BAD_HEADERS: list[dict[str, str | None]] = [
    {"logd-chunk": "2"},
    {"logd-chunk": ""},
    {"source-id": None},
    {"source-id": ""},
    {"source-id": "0123456789abcde"},
    {"source-id": "0123456789ABCDEF"},
    {"source-id": "0123456 89abcdef"},
    {"source-id": "é" * 16},
    {"offset": None},
    {"offset": "-1"},
    {"offset": "1.5"},
    {"offset": "٣"},
    {"offset": "1_0"},
    {"offset": str(2**48)},
    {"offset": "9" * 10_000},
    {"end": "soon"},
    {"end": ""},
    {"lines": None},
    {"lines": "-1"},
    {"lines": "many"},
    {"observed": None},
    {"observed": "-5"},
    {"observed": str(2**63)},
    {"remember": "ever"},
    {"positions": "page"},
    {"tags": "a,b"},
    {"tags": '"a"'},
    {"tags": "[1]"},
    {"tags": "[" * 100_000},
    {"fields": "[]"},
    {"fields": "{"},
    {"fields": '{"a":NaN}'},
    {"fields": '{"a":' * 100_000},
]


class TestCorrupt:
    @pytest.mark.parametrize("change", BAD_HEADERS, ids=lambda change: str(change)[:40])
    def test_headers(self, change: dict[str, str | None]) -> None:
        headers = {**simple(end=9).to_envelope().headers, **change}
        message = Message(0, 42, 5, "k", {name: text for name, text in headers.items() if text is not None}, b"")
        with pytest.raises(Corrupt, match="position 42"):
            chunk.from_message(message)

    @pytest.mark.parametrize(
        "value",
        [
            b"",
            b"x",
            b"\x28\xb5\x2f\xfd",
            chunk.compress(b"x" * 99)[:-1],
            chunk.compress(b"x") + b"x",
            b"\x1f\x8b\x08\x00",
        ],
    )
    def test_values(self, value: bytes) -> None:
        with pytest.raises(Corrupt, match="no zstd frame"):
            chunk.decompress(value)

    def test_a_body_over_the_limit(self) -> None:
        value = chunk.compress(b"x" * 1_001)
        assert len(chunk.decompress(value, 1_001)) == 1_001
        with pytest.raises(Corrupt, match="1001 bytes is over 1000"):
            chunk.decompress(value, 1_000)

    def test_a_bomb_of_unknown_size(self) -> None:
        compressor = zstandard.ZstdCompressor().compressobj()
        value = compressor.compress(b"x" * 10_000) + compressor.flush()
        with pytest.raises(Corrupt):
            chunk.decompress(value, 1_000)

    @pytest.mark.parametrize("count", [1, 2**31, 2**47])
    def test_more_events_than_there_are(self, count: int) -> None:
        with pytest.raises(Corrupt):
            join([simple(value=chunk.compress(b""), events=True, lines=count)])


ANY_TEXT = st.text(max_size=30) | st.sampled_from(
    ["1", "0", "", "-1", "{}", "[]", SOURCE, "events", "lines", "byte", "line"]
)
HEADERS = st.dictionaries(st.sampled_from([*simple(end=9).to_envelope().headers, "tags", "fields"]) | NAMES, ANY_TEXT)
VALUES = st.binary(max_size=60) | st.binary(max_size=60).map(chunk.compress)


class TestWhatever:
    """Arbitrary headers and values are read, or are Corrupt; nothing else comes out."""

    @settings(max_examples=300)
    @given(HEADERS, VALUES, st.integers(0, 2**40), st.booleans(), NAMES)
    def test_is_read_or_corrupt(
        self, some: dict[str, str], value: bytes, place: int, mostly_good: bool, key: str
    ) -> None:
        headers = {**(simple(end=9).to_envelope().headers if mostly_good else {}), **some}
        try:
            item = chunk.from_message(Message(0, place, place, key, headers, value))
            joined = join([item])
        except Corrupt:
            return
        assert len(joined.text) == len(joined.position) == len(joined.chunk)
        assert all(0 <= position < 16**12 for position in joined.position.tolist())
        joined.text.validate(full=True)

    @settings(max_examples=300)
    @given(st.binary(max_size=80), st.integers(0, 6))
    def test_events(self, body: bytes, count: int) -> None:
        try:
            joined = join([simple(value=chunk.compress(body), events=True, lines=count)])
        except Corrupt:
            return
        assert len(joined) == count
        joined.text.validate(full=True)


@pytest.mark.parametrize(
    ("headers", "lines"),
    [
        ({}, 1),
        ({"lines": "25"}, 25),
        ({"lines": "0"}, 0),
        ({"lines": "-3"}, 1),
        ({"lines": "x"}, 1),
        ({"lines": ""}, 1),
    ],
)
def test_line_count(headers: dict[str, str], lines: int) -> None:
    assert chunk.line_count({**headers, "logd-chunk": "1"}) == lines
    assert chunk.line_count(headers) == 1, "of another producer"


def _bytes(text: Any) -> list[bytes]:
    return [line.encode() for line in text.to_pylist()]


def _mended(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("6f1c2a9be03d4457-0000000004d2", True),
        ("6f1c2a9be03d4457-ffffffffffff", True),
        ("0000000000000003-0000000004d2", False),  # a partition's
        ("6F1C2A9BE03D4457-0000000004D2", False),
        ("6f1c2a9be03d4457-0000000004d2x", False),
        ("6f1c2a9be03d4457-4d2", False),
        ("mine", False),
        ("", False),
    ],
)
def test_the_ends_of_a_source(text: str, known: bool) -> None:
    ends = ends_of_source(text)
    assert ends == (("6f1c2a9be03d4457-000000000000", "6f1c2a9be03d4457-ffffffffffff") if known else None)
