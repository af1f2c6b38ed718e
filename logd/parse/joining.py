"""Messages of the transport, joined until parsing them together pays, and parted where they hold too much text."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

from zstandard import ZstdError, frame_content_size

from logd.chunk import Message, line_count

#: Lines are joined up to so much text: parsed they take several times that, and a few kB can hold a GB of it.
_PARSE_BYTES = 16 * 1024 * 1024
#: How often an idle fetch comes back, so that its caller can look whether it should stop.
_IDLE_SECONDS = 0.25


async def joined(
    fetch: Callable[[int, float], Awaitable[Sequence[Message]]], max_lines: int, seconds: float
) -> list[Message]:
    """What comes within `seconds` of the first message, or until there are `max_lines` lines or _PARSE_BYTES, as they
    came; nothing if none comes soon. `fetch` is a Consumer's, or stands for it."""
    messages = list(await fetch(max_lines, _IDLE_SECONDS))
    if not messages:
        return messages
    deadline = time.monotonic() + seconds
    lines, size = lines_of(messages), _bytes(messages)
    while lines < max_lines and size < _PARSE_BYTES and (wait := deadline - time.monotonic()) > 0:
        more = await fetch(max_lines - lines, wait)
        lines += lines_of(more)
        size += _bytes(more)
        messages.extend(more)
    return messages


def parts(messages: Sequence[Message], max_lines: int | None = None) -> Iterator[Sequence[Message]]:
    """The messages in parts of at most _PARSE_BYTES of text, and of so many lines, unless one alone has more."""
    start = size = lines = 0
    for place, message in enumerate(messages):
        one, count = _text_bytes(message.value), lines_of([message])
        if place > start and (size + one > _PARSE_BYTES or (max_lines is not None and lines + count > max_lines)):
            yield messages[start:place]
            start, size, lines = place, 0, 0
        size += one
        lines += count
    yield messages[start:]


def lines_of(messages: Sequence[Message]) -> int:
    """How many lines their headers promise."""
    return sum(line_count(message.headers) for message in messages)


def _bytes(messages: Sequence[Message]) -> int:
    return sum(len(message.value) for message in messages)


def _text_bytes(value: bytes) -> int:
    try:
        return max(frame_content_size(value), len(value))
    except ZstdError:  # of another producer, or corrupt
        return len(value)
