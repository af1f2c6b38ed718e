"""The tests of a configuration (`[[test]]`): their lines through the real parser, and what came of them otherwise than
expected."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from logd.chunk import Chunk, compress, events_body
from logd.cli.hits import as_json, printable
from logd.config.parsers import ParserTest
from logd.errors import ConfigError
from logd.http.records import records
from logd.levels import LEVELS
from logd.parse.columns import Parsed
from logd.parse.parsing import Parses
from logd.record import SCHEMA

_TIMES = ("timestamp", "ingested_at")
_INNER = "metadata."
#: Of a line, so much is shown beside what is wrong with it.
_SHOWN_CHARACTERS = 100


def check(test: ParserTest) -> None:
    """Raises ConfigError when the test itself is wrong."""
    if len(test.expect) != len(test.lines):
        raise ConfigError(
            f"test {title(test)!r} has {len(test.lines)} lines and {len(test.expect)} of expect, expected one for each"
        )
    for expected in test.expect:
        for name, value in expected.items():
            if name not in SCHEMA.names and not name.startswith(_INNER):
                raise ConfigError(
                    f"test {title(test)!r} expects {name!r}, expected {', '.join(SCHEMA.names)} or {_INNER}NAME"
                )
            if value != "" and (wanted := _wanted(name, value)):
                raise ConfigError(f"test {title(test)!r} expects {name} {value!r}, expected {wanted} or an empty text")


def _wanted(name: str, value: Any) -> str:
    """What a value of that column has to be, where it can't come; else nothing."""
    if name.startswith(_INNER):
        return ""
    if name in _TIMES:
        return "RFC 3339" if _time(value) is None else ""
    if name == "metadata":
        return "" if isinstance(value, dict) else "a table"
    if name == "tags":
        return "" if isinstance(value, list) and all(isinstance(tag, str) for tag in value) else "a list of texts"
    if name == "level":
        return "" if value in LEVELS else f"one of {', '.join(LEVELS)}"
    return "" if isinstance(value, str) else "a text"


def title(test: ParserTest) -> str:
    """What a test is called: its name, else its first line."""
    return test.name or shortened(test.lines[0])


def differences(parser: Parses, test: ParserTest) -> list[str]:
    """What came otherwise than expected, a line for people each; none when the test passes."""
    return list(_differences(parser, test))


def shortened(line: str) -> str:
    """The line as one that fits on a terminal."""
    text = printable(line.replace("\n", "\\n").replace("\t", " "))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def parsed_of(parser: Parses, test: ParserTest) -> Parsed:
    """What becomes of the test's lines, a record each."""
    observed_us = _observed_us(test)
    texts = [line.encode("utf-8", "surrogatepass") for line in test.lines]
    chunk = Chunk(
        service=test.service,
        host="",
        source=test.source,
        source_id="0" * 16,
        offset=0,
        lines=len(texts),
        observed_us=observed_us,
        value=compress(events_body(range(len(texts)), texts)),
        content_type=test.content_type,
        events=True,
    )
    return parser.parse([chunk], [observed_us])


def _differences(parser: Parses, test: ParserTest) -> Iterator[str]:
    parsed = parsed_of(parser, test)
    takers = {row: f"{share.parser or 'auto'}: {share.step}" for share in parsed.shares for row in share.rows.tolist()}
    for place, (found, expected) in enumerate(zip(records(parsed.table), test.expect, strict=True)):
        record: Mapping[str, Any] = orjson.loads(orjson.dumps(found))
        wrong = [
            f"    {name}\n      expected  {_shown(value)}\n      found     {_shown(came)}"
            for name, value in expected.items()
            if not _same(name, value, came := _value(record, name))
        ]
        if wrong:
            yield f"  line {place + 1}, taken by {takers[place]}: {shortened(test.lines[place])}"
            yield from wrong


def _value(record: Mapping[str, Any], name: str) -> Any:
    if not name.startswith(_INNER):
        return record[name]
    key = name.removeprefix(_INNER)
    inner = record["metadata"]
    if key in inner:
        return inner[key]
    for part in key.split("."):
        inner = inner.get(part) if isinstance(inner, dict) else None
    return inner


def _same(name: str, expected: Any, found: Any) -> bool:
    if expected == "" and found is None:
        return True
    if name in _TIMES:
        return _time(expected) == _time(found)
    return _equal(_plain(expected), found)


def _equal(expected: Any, found: Any) -> bool:
    """As JSON: true is no 1."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(_equal(expected[key], found[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_equal, expected, found))
    return isinstance(expected, bool) == isinstance(found, bool) and bool(expected == found)


def _plain(value: Any) -> Any:
    """TOML's value as JSON has it: times are texts."""
    return json.loads(json.dumps(value, default=str))


def _shown(value: Any) -> str:
    return printable(as_json(_plain(value))) if value is not None else "nothing"


def _time(value: Any) -> datetime | None:
    """None when it is no time with a zone."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def _observed_us(test: ParserTest) -> int:
    return time.time_ns() // 1000 if test.observed is None else round(test.observed.timestamp() * 1_000_000)
