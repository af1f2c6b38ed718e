"""Parsed lines on a terminal: each begins as a search shows it, and what else is known of it stands below.

    2026-11-24T10:00:00.000Z WARN  shop paid late, and so on until
        the line is full
        order=17  pod=shop/cart-7

Nothing is wider than the terminal; what is too long for it is cut, and ends with an ellipsis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from logd.cli.fields import fates, flat, pairs_of
from logd.cli.hits import colour_of, cut, printable, width
from logd.http.records import records
from logd.parse.columns import Parsed

_INDENT = "    "
#: Of a message; a trace shows where it begins.
_MOST_LINES = 8
_MOST_SERVICE = 24
#: Less room than this behind the head is none: the message begins below it.
_LEAST_ROOM = 24
#: On a narrower terminal lines break anyway.
_LEAST_COLUMNS = 40
_DIM, _LEFT_OUT = "2", "33"


class Blocks:
    """`host` isn't shown, another is."""

    def __init__(self, host: str, columns: int, colour: bool) -> None:
        self._host = host
        self._columns = max(columns, _LEAST_COLUMNS)
        self._colour = colour

    def write(self, parsed: Parsed, out: TextIO) -> None:
        """The lines of each record."""
        left_out = fates(parsed)
        for row, record in enumerate(records(parsed.table)):
            out.writelines(f"{line}\n" for line in self._block(record, left_out.get(row, "")))

    def _block(self, record: Mapping[str, Any], fate: str) -> Iterator[str]:
        level = record["level"] or "-"
        words = [
            (record["timestamp"], _DIM),
            (level.ljust(5), colour_of(level)),
            (cut(flat(record["service"]), _MOST_SERVICE), ""),
        ]
        if record["host"] != self._host:
            words.append((cut(flat(record["host"] or "-"), _MOST_SERVICE), _DIM))
        head = " ".join(text for text, _ in words)
        shown = " ".join(self._painted(text, code) for text, code in words)
        room = self._columns - width(head) - 1
        lines = self._message(record["message"] or "", room if room >= _LEAST_ROOM else 0)
        first = next(lines)
        yield f"{shown} {first}".rstrip() if first else shown
        yield from (f"{_INDENT}{line}".rstrip() for line in lines)
        if fate:
            yield _INDENT + self._painted(cut(fate, self._columns - len(_INDENT)), _LEFT_OUT)
        yield from self._fields(record)

    def _message(self, message: str, room: int) -> Iterator[str]:
        """What fits behind the head, then the lines below it."""
        most = self._columns - len(_INDENT)
        text = printable(message[: most * (_MOST_LINES + 1)]).replace("\t", _INDENT)
        lines: list[str] = [] if room else [""]
        for part in text.split("\n"):
            rest = part
            while True:
                line, rest = _broken(rest, most if lines else room)
                lines.append(line)
                if not rest or len(lines) > _MOST_LINES:
                    break
            if len(lines) > _MOST_LINES:
                break
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = ["…"]
        yield from lines

    def _fields(self, record: Mapping[str, Any]) -> Iterator[str]:
        most = self._columns - len(_INDENT)
        line, used = "", 0
        for name, value in pairs_of(record):
            pair = cut(f"{name}={value}", most)
            if used and used + 2 + width(pair) > most:
                yield _INDENT + line
                line, used = "", 0
            apart = 2 if used else 0
            head, equals, rest = pair.partition("=") if pair.startswith(f"{name}=") else (pair, "", "")
            line += " " * apart + self._painted(head + equals, _DIM) + rest
            used += apart + width(pair)
        if used:
            yield _INDENT + line

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text


def _broken(text: str, room: int) -> tuple[str, str]:
    """As much of the text as fits, up to a space if there is one, and the rest."""
    if len(text) * 2 <= room or width(text) <= room:
        return text, ""
    fits = len(cut(text, room, mark=""))
    space = text.rfind(" ", 0, fits + 1)
    if space > fits // 2:
        return text[:space], text[space + 1 :]
    return text[: max(fits, 1)], text[max(fits, 1) :]
