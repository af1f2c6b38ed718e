"""What a client that comes back has missed: from its place up to where the shared reader was when it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from logd.chunk import Message
from logd.errors import Unavailable
from logd.seams import RAW_LOGS, Follower, Transport
from logd.tail import events
from logd.tail.engine import NEWEST_EVENTS, Matched
from logd.tail.events import Part
from logd.tail.places import Places, ahead, behind, past, past_missing, resume_id

#: Read again at most (compressed).
_MAX_BYTES = 64 * 1024 * 1024
#: At a time: of no more lines would all be sent, and the shared batches wait meanwhile.
_STEP_LINES = NEWEST_EVENTS
_WAIT_SECONDS = 0.25
_RETRY_SECONDS = 0.5
Match = Callable[[Sequence[Message], Places], Awaitable[Matched]]


async def catch_up(
    transport: Transport, match: Match, places: Places, end: Places, ended: Callable[[], bool]
) -> AsyncGenerator[Part]:
    """The parts between `places` and `end`, with a gap where messages are gone, or are too many. Stops early once
    `ended` says so. Raises Corrupt, and Unavailable when nothing can be read at all."""
    if ahead(places, end):  # of another queue: this one was made anew
        yield events.gap(resume_id(places), resume_id(end))
        return
    follower = await transport.follow(RAW_LOGS, {partition: places[partition].position for partition in places})
    try:
        size = 0
        while behind(places, end) and size < _MAX_BYTES and not ended():
            messages, begin = await _next(follower, places, end)
            if begin != places:
                yield events.gap(resume_id(places), resume_id(begin))
            if messages:
                size += sum(len(message.value) for message in messages)
                matched = await match(messages, begin)
                for part in matched.parts:
                    yield part
            places = past(begin, messages)
    finally:
        await follower.close()
    if behind(places, end) and not ended():
        yield events.gap(resume_id(places), resume_id(end))


async def _next(follower: Follower, places: Places, end: Places) -> tuple[Sequence[Message], Places]:
    """What is there of the messages before `end`, and where they begin."""
    messages: Sequence[Message] = ()
    try:
        messages = await follower.fetch(_STEP_LINES, _WAIT_SECONDS)
    except Unavailable:
        await asyncio.sleep(_RETRY_SECONDS)
        return (), places
    begin = past_missing(places, messages, {} if messages else follower.positions)
    begin = {partition: min(place, end.get(partition, place)) for partition, place in begin.items()}
    return [one for one in messages if one.position < end[one.partition].position], begin
