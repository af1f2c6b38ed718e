"""Dead letters: what can't be stored, with the reason and the original bytes, in the topic dead-letters; and back.

    raw-logs ── refused ──► dead-letters ── replay ──► raw-logs ── … ──► the index, or a dead letter once more
                                 └──────── purge ──► gone, and counted

Invariants:
* A letter has the value and the headers of the message that was refused. Those that tell a transport a resend
  (source-id, offset, end) are the letter's own, so that each message is one letter; what they were is kept beside them.
* A replay moves: in one transaction the letter leaves dead-letters and its message is appended to raw-logs, so that a
  crash, or a second replay, finds it in one of them. In the ledger dead-letters gives what raw-logs takes again.
* A replayed message has the source-id, offset and observed time that it had, and so its lines have the same log_ids
  and lie in the same day. It has no `end`: its source has long sent what comes behind it, and a transport would take it
  for a resend.
* It says `replayed`. Of such a message the index stores no line whose log_id it has in that day. So a message that
  gets into raw-logs twice after all, from a copy of the data folder or sent by an agent that crashed in between, is
  stored once.
* A message that was damaged in the queue isn't replayed: what is left of it is not what anybody sent.
"""

from __future__ import annotations

import msgspec
import zstandard

from logd.chunk import REMEMBER_SECONDS, Envelope, Message, from_message, line_count
from logd.errors import RecordRejected

#: What a letter's headers are beside the message's.
_PREFIX, _REFUSED = "dead-letter-", "refused-"
#: Of a letter, these are the message's own under _REFUSED.
_PLACE = ("source-id", "offset", "end")
#: What only matters to the recognition of a resend.
_OF_RESENDS = ("end", "remember", "digest")
#: Characters that a list shows of a letter's text, and the bytes that they need at most.
_PREVIEW_CHARACTERS, _PREVIEW_BYTES = 160, 640
#: Of a text in the headers of a letter that is cut; and what a header needs beside its name and text.
_CUT_CHARACTERS, _HEADER_BYTES = 1_000, 16


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter in a list. `time_us` is when it was refused, `size` its bytes as stored, `lines` how many it says to
    have; `replayable` is false when it is known that it can't be replayed."""

    position: int
    time_us: int
    reason: str
    service: str
    host: str
    source: str
    lines: int
    size: int
    replayable: bool
    preview: str


def dead_letter(message: Message, reason: str) -> Envelope:
    """The message as a dead letter: the same value and headers, and why and where it was refused. The same message
    gives the same letter with the same place in its source, so that it is stored once."""
    headers = {
        **{name: text for name, text in message.headers.items() if name != "digest"},
        "dead-letter-reason": reason,
        "dead-letter-partition": str(message.partition),
        "dead-letter-position": str(message.position),
        "dead-letter-taken": str(message.timestamp_us),
        "source-id": f"{message.partition:016x}",
        "offset": str(message.position),
        "end": str(message.position + 1),
        "remember": str(REMEMBER_SECONDS),
        **{_REFUSED + name: message.headers.get(name, "") for name in _PLACE},
    }
    if message.damage:
        headers["dead-letter-damaged"] = "1"
    return Envelope(message.key, headers, message.value)


def fitted(letter: Envelope, most: int) -> Envelope:
    """The letter in at most `most` bytes, for a transport that takes no more: of one that is larger, which no logd has
    sent, the beginning of its value is left, and it can't be replayed."""
    headers = letter.headers
    size = _size(letter)
    if size <= most:
        return letter
    said = f"; it had {size} bytes, of which the first are left"
    marks = {"dead-letter-reason": headers.get("dead-letter-reason", "") + said, "dead-letter-damaged": "1"}
    if _size(Envelope(letter.key, {**headers, **marks}, b"")) > most // 2:
        ours = {name: text for name, text in headers.items() if name.startswith(_PREFIX) or name in _PLACE}
        marks["dead-letter-reason"] = marks["dead-letter-reason"][:_CUT_CHARACTERS] + said
        headers = {name: text[:_CUT_CHARACTERS] for name, text in ours.items()}
    left = Envelope(letter.key[:_CUT_CHARACTERS], {**headers, **marks}, b"")
    return Envelope(left.key, left.headers, letter.value[: most - _size(left)])


def replayed(letter: Message) -> Envelope:
    """The message that the letter was, as it is appended again. Raises RecordRejected when it can't be."""
    headers = letter.headers
    if letter.damage:
        raise RecordRejected(letter.damage)
    if "dead-letter-damaged" in headers:
        raise RecordRejected("it was damaged in the queue: what is left of it is not what was sent")
    own = {name: text for name, text in headers.items() if not name.startswith((_PREFIX, _REFUSED))}
    for name in _PLACE:
        own.pop(name, None)
        if original := headers.get(_REFUSED + name):
            own[name] = original
    message = Envelope(letter.key, own, letter.value)
    if "logd-chunk" not in own:
        message = _as_chunk(letter, own)
    kept = {name: text for name, text in message.headers.items() if name not in _OF_RESENDS}
    return Envelope(letter.key, {**kept, "replayed": "1"}, message.value)


def summary(letter: Message) -> Letter:
    """The letter as a list shows it."""
    headers = letter.headers
    try:
        replayed(letter)
        replayable = True
    except RecordRejected:
        replayable = False
    return Letter(
        position=letter.position,
        time_us=letter.timestamp_us,
        reason=letter.damage or headers.get("dead-letter-reason", ""),
        service=headers.get("service", letter.key),
        host=headers.get("host", ""),
        source=headers.get("source", ""),
        lines=line_count(headers),
        size=len(letter.value),
        replayable=replayable,
        preview=_beginning(letter.value).decode("utf-8", "replace")[:_PREVIEW_CHARACTERS],
    )


def _as_chunk(letter: Message, headers: dict[str, str]) -> Envelope:
    """A line of another producer, which has its id and its time from where and when it was in the stream. Raises
    RecordRejected."""
    try:
        partition, position, taken_us = (
            int(letter.headers[_PREFIX + name]) for name in ("partition", "position", "taken")
        )
    except (KeyError, ValueError) as error:
        raise RecordRejected(f"where it was in the stream isn't known: {error}") from error
    return from_message(Message(partition, position, taken_us, letter.key, headers, letter.value)).to_envelope()


def _size(letter: Envelope) -> int:
    texts = sum(len(name.encode()) + len(text.encode()) + _HEADER_BYTES for name, text in letter.headers.items())
    return len(letter.key.encode()) + len(letter.value) + texts


def _beginning(value: bytes) -> bytes:
    """Of the text in a value; of the value itself when it is no zstd frame."""
    try:
        with zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(value) as text:
            return text.read(_PREVIEW_BYTES)
    except zstandard.ZstdError:
        return value[:_PREVIEW_BYTES]
