"""Places in the stream: what a resume id says.

    0:1234.17,1:88.0     partition 0 was seen up to line 17 of its message 1234 (not included), partition 1 up to
                         message 88

A resume id is all that is remembered of a client, and the client remembers it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from logd.chunk import Message
from logd.errors import BadRequest
from logd.seams import StreamPositions


class Place(NamedTuple):
    """The line that comes next, counted within its message."""

    position: int
    line: int = 0


#: By partition. A partition that is missing was not there yet: it comes from its beginning.
Places = Mapping[int, Place]
_START = Place(0)
_ID = re.compile(r"\d{1,9}:\d{1,18}\.\d{1,9}(,\d{1,9}:\d{1,18}\.\d{1,9})*", re.ASCII)
_MAX_ID_CHARACTERS = 65_536


def resume_id(places: Places) -> str:
    """The places as text; "" for none."""
    return ",".join(f"{partition}:{place.position}.{place.line}" for partition, place in places.items())


def parse_resume_id(text: str) -> dict[int, Place]:
    """The places in a resume id. Raises BadRequest."""
    if not text:
        return {}
    if len(text) > _MAX_ID_CHARACTERS or not _ID.fullmatch(text):
        raise BadRequest("bad_resume_id", f"{text[:80]!r} is no id that a tail has sent", "last_event_id")
    places = {}
    for part in text.split(","):
        partition, _, place = part.partition(":")
        position, _, line = place.partition(".")
        places[int(partition)] = Place(int(position), int(line))
    return places


def at(positions: StreamPositions) -> dict[int, Place]:
    """The places before these messages."""
    return {partition: Place(position) for partition, position in positions.items()}


def past(places: Places, messages: Iterable[Message]) -> dict[int, Place]:
    """The places once all these messages are seen too."""
    return {**places, **{message.partition: Place(message.position + 1) for message in messages}}


def behind(places: Places, end: Places) -> bool:
    """Whether something lies between the places and the end."""
    return any(places.get(partition, _START) < place for partition, place in end.items())


def ahead(places: Places, end: Places) -> bool:
    """Whether one of the places lies past the end, as only those in another stream do."""
    return any(place > end.get(partition, _START) for partition, place in places.items())


def past_missing(places: Places, messages: Iterable[Message], reached: StreamPositions) -> dict[int, Place]:
    """Where what comes next begins, now that a reader gave `messages` and is at `reached`: the places, moved on where
    messages before those are missing."""
    begins = at(reached)
    for message in reversed(list(messages)):
        begins[message.partition] = Place(message.position)
    moved = {
        partition: begin
        for partition, begin in begins.items()
        if begin.position > places.get(partition, _START).position
    }
    return {**places, **moved}


def ids_after(places: Places, messages: Sequence[Message], lines: Sequence[int], rows: Iterable[int]) -> Iterator[str]:
    """The resume id after each of the `rows`, which rise: row 0 is the first line of the first message. `lines[i]` is
    how many lines message i has; all before `messages` was seen up to `places`."""
    current = dict(places)
    number = first = 0
    for row in rows:
        while row >= first + lines[number]:
            message = messages[number]
            current[message.partition] = Place(message.position + 1)
            first += lines[number]
            number += 1
        message = messages[number]
        seen = row - first + 1
        whole = seen == lines[number]
        current[message.partition] = Place(message.position + 1) if whole else Place(message.position, seen)
        yield resume_id(current)


def seen_rows(places: Places, messages: Sequence[Message], lines: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Of messages that were seen in part, the rows that were: first and end."""
    first = 0
    for message, count in zip(messages, lines, strict=True):
        place = places.get(message.partition, _START)
        if place.position == message.position and place.line:
            yield first, first + min(place.line, count)
        first += count
