"""Server-sent events, read from the lines of a response (the HTML standard, section 9.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """`name` and `data` as sent, "" where there is none; `id` is the last one that was sent up to here."""

    name: str
    data: str
    id: str


def read(lines: Iterable[bytes], last_id: str = "") -> Iterator[Event]:
    """The events, also those that bring nothing but an id. One that isn't complete at the end was not sent."""
    name = ""
    data: list[str] = []
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            yield Event(name, "\n".join(data), last_id)
            name, data = "", []
            continue
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                name = value
            case "data":
                data.append(value)
            case "id" if "\0" not in value:
                last_id = value
