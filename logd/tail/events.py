"""Server-sent events as bytes, and what of them waits for a client."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

#: Of clients that reconnect by themselves (browsers): soon, as nothing is lost meanwhile.
_RETRY_MS = 1_000


class Part(msgspec.Struct, frozen=True):
    """Events that a client gets all or none of, in `body`: `events` of them lines, or else `missed` lines that it
    doesn't get. `after` is the resume id once they are read."""

    body: bytes
    events: int
    after: str
    missed: int = 0


def record(value: Any, after: str) -> bytes:
    """A line. `value` is a record as in a search's answer."""
    # JSON that was taken over from a line may have line endings between its members, and those would end the field.
    text = orjson.dumps(value).replace(b"\r", b" ").replace(b"\n", b" ")
    return b"id: %b\ndata: %b\n\n" % (after.encode(), text)


def id_of(frame: bytes) -> str:
    """The resume id of a line as `record` gives it."""
    return frame.partition(b"\n")[0].removeprefix(b"id: ").decode()


def event(name: str, value: Any, after: str = "") -> bytes:
    """Anything but a line; without `after`, the client stays where it is."""
    place = f"id: {after}\n" if after else ""
    return f"event: {name}\n{place}data: {orjson.dumps(value).decode()}\n\n".encode()


def opened(at: str) -> bytes:
    """The first event: from where the client sees everything."""
    return f"retry: {_RETRY_MS}\n".encode() + event("open", {"position": at}, at)


def heartbeat(at: str) -> bytes:
    """A comment, and how far the stream has come: no event, but a client that comes back begins there."""
    return f":\nid: {at}\n\n".encode()


def gap(begin: str, end: str) -> Part:
    """What lay between is no longer there."""
    return Part(event("gap", {"from": begin, "to": end}, end), 0, end)


def missed(lines: int, after: str) -> bytes:
    """So many lines that its filter lets through were too fast for the client, or for its rate."""
    return event("missed", {"lines": lines}, after)


def ended(reason: str) -> bytes:
    """The last event."""
    return event("end", {"reason": reason})
