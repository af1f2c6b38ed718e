"""Dead letters and back: what a message says is the same after it, but for what would make it a resend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.chunk import Chunk, Message, compress, from_message
from logd.deadletters import dead_letter, fitted, replayed, summary
from logd.errors import RecordRejected
from logd.parse.plan import Parser
from tests.support.naive_parse import as_records

CHUNK = Chunk(
    service="s",
    host="h",
    source="f",
    source_id="a" * 16,
    offset=70,
    end=78,
    lines=2,
    observed_us=1_700_000_000_000_000,
    value=compress(b"abc\ndef\n"),
    tags=("t",),
    digest="d",
)
HEADERS = CHUNK.to_envelope().headers


def letter_of(message: Message, position: int = 9) -> Message:
    """The letter as it is read from its topic."""
    envelope = dead_letter(message, "because")
    return Message(0, position, message.timestamp_us + 1_000, envelope.key, envelope.headers, envelope.value)


def test_a_chunk_comes_back_with_its_ids_and_its_time() -> None:
    message = Message(3, 40, 5, "s", HEADERS, CHUNK.value)
    again = replayed(letter_of(message))
    kept = {name: text for name, text in HEADERS.items() if name not in ("end", "remember", "digest")}
    assert again.headers == {**kept, "replayed": "1"}
    assert (again.key, again.value) == ("s", CHUNK.value)
    chunk = from_message(Message(3, 99, 7, again.key, again.headers, again.value))
    assert (chunk.source_id, chunk.offset, chunk.observed_us, chunk.end) == ("a" * 16, 70, CHUNK.observed_us, None)
    assert chunk.replayed


@pytest.mark.parametrize("headers", [{}, {f"h{n}": "ä" * 1_000 for n in range(9)}, {"h": "x" * 9_000}])
def test_one_that_is_too_large_is_cut(headers: dict[str, str]) -> None:
    message = Message(3, 40, 5, "k" * 2_000, {"service": "s", **headers}, bytes(20_000))
    whole = dead_letter(message, "because" * 1_000)
    assert fitted(whole, 60_000) is whole
    cut = fitted(whole, 10_000)
    sizes = [len(name.encode()) + len(text.encode()) for name, text in cut.headers.items()]
    assert len(cut.key) + sum(sizes) + len(cut.value) <= 10_000
    assert cut.value
    assert cut.value == bytes(len(cut.value))
    assert "bytes, of which the first are left" in cut.headers["dead-letter-reason"]
    assert (cut.headers["dead-letter-partition"], cut.headers["dead-letter-position"]) == ("3", "40")
    with pytest.raises(RecordRejected):
        replayed(Message(0, 9, 5, cut.key, cut.headers, cut.value))


def test_refused_twice_it_comes_back_the_same() -> None:
    once = replayed(letter_of(Message(3, 40, 5, "s", HEADERS, CHUNK.value)))
    twice = replayed(letter_of(Message(0, 77, 6, once.key, once.headers, once.value)))
    assert twice == once


def test_a_line_of_another_producer_keeps_its_place_in_the_stream() -> None:
    message = Message(3, 40, 5_000_000, "key", {"host": "h", "x": "y"}, b"a line")
    parser = Parser()
    before = parser.parse([from_message(message)], [message.timestamp_us])
    again = replayed(letter_of(message))
    after = parser.parse([from_message(Message(0, 90, 9_000_000, again.key, again.headers, again.value))], [9_000_000])
    parser.close()
    names = ("log_id", "timestamp", "service", "host", "message")
    (one,), (two,) = as_records(before.table), as_records(after.table)
    assert [one[name] for name in names] == [two[name] for name in names]
    assert before.own_ids is None
    assert after.own_ids is not None
    assert after.own_ids.to_pylist() == [True]


def test_lines_of_a_replay_are_looked_for_in_the_index() -> None:
    again = replayed(letter_of(Message(0, 40, 5, "s", HEADERS, CHUNK.value)))
    parser = Parser()
    parsed = parser.parse([CHUNK, from_message(Message(0, 9, 5, again.key, again.headers, again.value))], [5, 6])
    parser.close()
    assert parsed.own_ids is not None
    assert parsed.own_ids.to_pylist() == [False, False, True, True]
    ids = parsed.table["log_id"].to_pylist()
    assert ids[:2] == ids[2:]


def test_what_was_damaged_is_not_replayed() -> None:
    letter = letter_of(Message(0, 40, 0, "", {}, b"left", "a checksum differs"))
    with pytest.raises(RecordRejected, match="damaged in the queue"):
        replayed(letter)
    with pytest.raises(RecordRejected, match="the letter"):
        replayed(Message(0, 9, 0, "", {}, b"", "the letter is not what was appended"))
    assert not summary(letter).replayable


@pytest.mark.parametrize("missing", ["partition", "position", "taken"])
def test_a_line_whose_place_is_not_known(missing: str) -> None:
    letter = letter_of(Message(0, 40, 5, "key", {}, b"a line"))
    del letter.headers[f"dead-letter-{missing}"]
    with pytest.raises(RecordRejected, match="where it was in the stream"):
        replayed(letter)


def test_a_summary() -> None:
    found = summary(letter_of(Message(0, 40, 5, "s", HEADERS, CHUNK.value)))
    assert (found.position, found.time_us, found.reason, found.lines, found.size) == (
        9,
        1_005,
        "because",
        2,
        len(CHUNK.value),
    )
    assert (found.service, found.host, found.source, found.preview, found.replayable) == (
        "s",
        "h",
        "f",
        "abc\ndef\n",
        True,
    )


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from([*HEADERS, "x"]), st.text(max_size=20)))
def test_whatever_a_message_is(value: bytes, headers: dict[str, str]) -> None:
    letter = letter_of(Message(0, 40, 5, "key", headers, value))
    found = summary(letter)
    assert len(found.preview) <= 160
    if not found.replayable:
        return
    again = replayed(letter)
    assert "end" not in again.headers
    if "logd-chunk" in headers:
        assert again.value == value
        left_out = ("end", "remember", "digest", "replayed")
        assert {name: text for name, text in headers.items() if text and name not in left_out} == {
            name: text for name, text in again.headers.items() if text and name not in left_out
        }


def test_a_bomb_is_not_unpacked_for_a_preview() -> None:
    value = compress(bytes(64 * 1024 * 1024))
    assert summary(letter_of(Message(0, 40, 5, "s", HEADERS, value))).preview == "\0" * 160
