"""How hits are printed."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

#: What a terminal would obey instead of show: a log line may come from anybody.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_COLOURS = {"TRACE": "90", "DEBUG": "36", "INFO": "32", "WARN": "33", "ERROR": "31", "FATAL": "1;31"}
_DIM, _MARKED, _FOUND = "2", "1;35", "1;31"
#: Marks on other characters, and what joins or directs them.
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})
_LEVEL_WIDTH = 5


def as_line(record: Mapping[str, Any], colour: bool) -> str:
    """`time LEVEL service host message`; the further lines of a message are indented, its highlights coloured."""

    def painted(text: str, code: str | None) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text else text

    level = _text(record, "level") or "-"
    head = (
        painted(_text(record, "timestamp"), _DIM),
        painted(level.ljust(_LEVEL_WIDTH), _COLOURS.get(level)),
        _flat(_text(record, "service")) or "-",
        painted(_flat(_text(record, "host")) or "-", _DIM),
    )
    message = highlighted(record, "message") if colour else _text(record, "message")
    return " ".join((*head, message.replace("\n", "\n    ")))


def highlighted(record: Mapping[str, Any], name: str) -> str:
    """A member's text, with its `highlights` in colour, as far as they are ranges of it."""
    text, spans = record.get(name), (record.get("highlights") or {}).get(name)
    if not isinstance(text, str) or not isinstance(spans, list):
        return _text(record, name)
    parts, at = [], 0
    for start, end in spans:
        parts += [printable(text[at:start]), f"\x1b[{_FOUND}m{printable(text[start:end])}\x1b[0m"]
        at = end
    return "".join([*parts, printable(text[at:])])


def with_sign(line: str, marked: bool, colour: bool) -> str:
    """A line of `as_line` behind a colon if it is marked, else a hyphen."""
    sign = ":" if marked else "-"
    return f"\x1b[{_MARKED if marked else _DIM}m{sign}\x1b[0m {line}" if colour else f"{sign} {line}"


def as_json(record: object) -> str:
    """The record, or a value, in one line."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def as_fields(record: Mapping[str, Any]) -> str:
    """A line for each field that has a value, those of `metadata` below it; the further lines of one are indented."""
    metadata = record.get("metadata")
    inner = metadata if isinstance(metadata, dict) else {}
    outer = {name: value for name, value in record.items() if value not in (None, "", [], {}) and value is not inner}
    fields = {**outer, **{f"metadata.{name}": value for name, value in inner.items()}}
    shown = [(_flat(printable(name)), _text(fields, name).replace("\n", "\n    ")) for name in fields]
    widest = max((width(name) for name, _ in shown), default=0)
    return "\n".join(f"{name}{' ' * (widest - width(name))}  {text}" for name, text in shown)


def summary(answer: Mapping[str, Any], shown: int, offset: int) -> str:
    """`50 of at least 10000 hits in 12 ms, more with --offset 50`: how many are shown, of how many it says."""
    total = answer.get("total_hits")
    least = "at least " if answer.get("total_relation") == "gte" else ""
    counted = f"{shown} of {least}{total}" if isinstance(total, int) else f"{shown}"
    more = f", more with --offset {offset + shown}" if isinstance(total, int) and total > offset + shown else ""
    return f"{counted} hits in {answer.get('took_ms', '?')} ms{more}"


def warn(answer: Mapping[str, Any]) -> None:
    """Says on standard error why hits may be missing from the answer, if they may, or why it ended early."""
    missing = "hits may be missing: " if answer.get("partial") else ""
    for reason in answer.get("warnings") or (("the server doesn't say why",) if missing else ()):
        print(f"logd: {missing}{printable(str(reason))}", file=sys.stderr)


def printable(text: str) -> str:
    """The text with its control characters spelled out, but for tabs and newlines."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def with_caret(query: str, column: int) -> str:
    """The query, and a caret under its 1-based `column`, wide characters counted as terminals show them."""
    line = _CONTROL.sub(" ", query.replace("\n", " ").replace("\t", " "))
    return f"  {line}\n  {' ' * width(line[: column - 1])}^"


def width(text: str) -> int:
    """How many columns of a terminal the text takes, which has no control characters."""
    return len(text) if text.isascii() else sum(map(_width, text))


def cut(text: str, columns: int, mark: str = "…") -> str:
    """The text, or as much of it as fits with the mark behind it."""
    if len(text) * 2 <= columns or width(text) <= columns:
        return text
    used = width(mark)
    for place, character in enumerate(text):
        used += _width(character)
        if used > columns:
            return text[:place] + mark
    return text


def colour_of(level: str) -> str:
    """The code of a terminal's colour; empty for what is no level."""
    return _COLOURS.get(level, "")


def _width(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _flat(text: str) -> str:
    """In one line, so that none can pretend to be another record."""
    return text.replace("\n", "\\n").replace("\t", "\\t")


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return "" if value is None else printable(value if isinstance(value, str) else as_json(value))
