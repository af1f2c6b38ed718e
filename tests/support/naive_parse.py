"""What the parser must answer, a line at a time, in the standard library: slow, plain, and written apart from it.

Shares with the product the wire format, the tables of names and levels, and the patterns that find a time and a level
in plain text (they have tests of their own). A record is a dict by column, its metadata a dict, or None.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from logd.chunk import Chunk, Positions, decompress, log_id
from logd.levels import LEVEL_WORDS, OTEL_LEVELS, PINO_LEVELS, SYSLOG_LEVELS
from logd.parse import level, timestamp
from logd.parse.columns import NDJSON
from logd.parse.json import MAX_DEPTH, NAMES
from logd.parse.window import Limits
from tests.support.naive_time import EPOCH, naive_time

Record = dict[str, Any]
#: `$` is the very end of the text in RE2.
_SHOWN_TIME = re.compile(timestamp.SHOWN.replace("$", r"\Z"), re.ASCII)
_SHOWN_LEVEL = re.compile(level.SHOWN.replace("$", r"\Z"), re.ASCII)
_HEAD, _NEAR = 160, 100
_SURROGATE = re.compile("[\ud800-\udfff]")


def naive_parse(
    chunks: Sequence[Chunk], taken_us: Sequence[int], limits: Limits, zone: str = "UTC"
) -> tuple[list[Record], list[bool]]:
    """A record for each line, and whether its log_id is a client's."""
    records, own = [], []
    for chunk, taken in zip(chunks, taken_us, strict=True):
        for line, position in _lines(chunk):
            record, is_own = _record(chunk, line, position, limits, ZoneInfo(zone))
            records.append({**record, "ingested_at": EPOCH + timedelta(microseconds=taken)})
            own.append(is_own)
    return records, own


def _lines(chunk: Chunk) -> Iterator[tuple[str, int]]:
    body = decompress(chunk.value)
    if chunk.events:
        count = chunk.lines
        positions = struct.unpack_from(f"<{count}q", body)
        lengths = struct.unpack_from(f"<{count}i", body, 8 * count)
        at = 12 * count
        for position, length in zip(positions, lengths, strict=True):
            yield body[at : at + length].decode("utf-8", "replace"), position
            at += length
        return
    at = 0
    lines = body.removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(lines):
        step = number if chunk.positions is Positions.LINE else at
        yield line.decode("utf-8", "replace") + "\n", chunk.offset + step
        at += len(line) + 1


def _record(chunk: Chunk, line: str, position: int, limits: Limits, zone: ZoneInfo) -> tuple[Record, bool]:
    observed = EPOCH + timedelta(microseconds=chunk.observed_us)
    ahead = timedelta(seconds=limits.max_ahead_seconds)
    is_json = line.lstrip(" \t").startswith("{")
    fields = _object(line) if is_json else None
    if fields is None:
        found = _text(line, observed, zone, ahead)
        unparsed = is_json or chunk.content_type == NDJSON
    else:
        found = _fields(fields, line, observed, zone, ahead, chunk.positions is Positions.LINE)
        unparsed = False
    time, metadata = found["time"], found.get("metadata") or {}
    oldest = observed - timedelta(seconds=limits.max_age_seconds) if limits.max_age_seconds else EPOCH
    if time is not None and not oldest <= time <= observed + ahead:
        shown = time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond:06}Z"
        metadata = {"original_timestamp": found.get("time_text", shown), **metadata}
        time = None
    metadata = {**chunk.fields, **metadata}
    service = None if chunk.service_locked else found.get("service")
    tags = [*chunk.tags, *found.get("tags", []), *(["unparsed"] if unparsed else [])]
    own_id = found.get("log_id")
    record = {
        "log_id": own_id or log_id(chunk.source_id, position),
        "timestamp": time or observed,
        "level": found["level"],
        "service": service or chunk.service,
        "host": (None if chunk.host_locked else found.get("host")) or chunk.host,
        "source": chunk.source,
        "tags": tags or None,
        "trace_id": found.get("trace_id"),
        "message": found["message"],
        "metadata": metadata or None,
    }
    return record, own_id is not None


# Plain text


def _text(line: str, observed: datetime, zone: ZoneInfo, ahead: timedelta) -> Record:
    time = _shown(_SHOWN_TIME, line)
    word = _shown(_SHOWN_LEVEL, line)
    return {
        "time": naive_time(time, observed, zone, ahead) if time else None,
        "level": LEVEL_WORDS.get(re.findall(r"\w+", word, re.ASCII)[-1].lower()) if word else None,
        "message": _without_ending(line),
    }


def _shown(pattern: re.Pattern[str], line: str) -> str | None:
    """What the pattern finds near the line's beginning."""
    match = pattern.search(line[:_HEAD])
    return match[0] if match and match[0] and line.index(match[0]) < _NEAR else None


def _without_ending(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


# JSON


def _object(line: str) -> dict[str, Any] | None:
    """The line as JSON that is strict from then on; None where it isn't an object, or is nested too deep."""
    if _deeper(line):
        return None
    try:
        value = json.loads(line, parse_constant=str, parse_float=_float, parse_int=_int)
    except ValueError:
        return None
    return _whole(value) if isinstance(value, dict) else None


def _deeper(line: str) -> bool:
    depth, in_string, escaped = 0, False, False
    for character in line:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        else:
            depth += (character in "[{") - (character in "]}")
            if depth > MAX_DEPTH:
                return True
    return False


def _float(text: str) -> Any:
    return float(text) if math.isfinite(float(text)) else text


def _int(text: str) -> Any:
    return int(text) if len(text) <= 308 else text


def _whole(value: Any) -> Any:
    """Without lone surrogates."""
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case dict():
            return {_whole(key): _whole(member) for key, member in value.items()}
        case list():
            return [_whole(element) for element in value]
        case _:
            return value


def _fields(
    line: Mapping[str, Any], text: str, observed: datetime, zone: ZoneInfo, ahead: timedelta, takes_ids: bool
) -> Record:
    rest = dict(line)
    found: Record = {}

    def take(role: str, serves: Any) -> Any:
        """What the first present name of the role gives; when it serves, the name is consumed."""
        for name in NAMES[role]:
            if rest.get(name) is not None:
                result = serves(rest[name], name)
                if result is not None:
                    del rest[name]
                return result
        return None

    metadata = line.get("metadata")
    found["time"] = take("time", lambda value, _: _time(value, found, observed, zone, ahead))
    found["level"] = _take_level(take, line)
    for role in ("service", "host"):
        object_ = _present(line, role)
        named = object_.get("name") if isinstance(object_, dict) else None
        found[role] = take(role, lambda value, _: None if isinstance(value, dict) else text_of(value) or None)
        if isinstance(object_, dict):
            found[role] = text_of(named) if named not in (None, "") else None
    message = take("message", lambda value, _: text_of(value))
    found["message"] = _without_ending(text) if message is None else message
    found["trace_id"] = take("trace", lambda value, _: _sized(value, 128) if isinstance(value, str) else None)
    if takes_ids:
        found["log_id"] = take("log_id", lambda value, _: _sized(text_of(value), 512))
    tags = take("tags", lambda value, _: value if isinstance(value, list) else None)
    found["tags"] = [text_of(tag) for tag in tags or [] if tag is not None]
    if isinstance(metadata, dict):
        others = {name: value for name, value in rest.items() if name != "metadata"}
        if not set(others) & set(metadata):
            rest = {**others, **metadata}
    if found["trace_id"] is None and isinstance(rest.get("trace_id"), str):
        found["trace_id"] = _sized(rest["trace_id"], 128)
        if found["trace_id"] is not None:
            del rest["trace_id"]
    found["metadata"] = rest
    return found


def _present(line: Mapping[str, Any], role: str) -> Any:
    return next((line[name] for name in NAMES[role] if line.get(name) is not None), None)


def _time(value: Any, found: Record, observed: datetime, zone: ZoneInfo, ahead: timedelta) -> datetime | None:
    found["time_text"] = text_of(value)
    return naive_time(found["time_text"], observed, zone, ahead)


def _take_level(take: Any, line: Mapping[str, Any]) -> str | None:
    if _present(line, "level") is not None:
        return _text_or_none(take("level", lambda value, name: level_value(text_of(value), name)))
    number = take("number", lambda value, name: level_value(text_of(value), name))
    if number is not None:
        return _text_or_none(number)
    log = line.get("log")
    nested = log.get("level") if isinstance(log, dict) else None
    return None if nested is None else level_value(text_of(nested), "level")


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def level_value(text: str, field: str) -> str | None:
    """What a field of that name says."""
    if word := LEVEL_WORDS.get(text.lower()):
        return word
    if field in ("severity_number", "severityNumber"):
        return {str(number): name for number, name in OTEL_LEVELS.items()}.get(text)
    if field in ("severity", "priority", "syslog_severity"):
        return {str(number): name for number, name in enumerate(SYSLOG_LEVELS)}.get(text)
    return {str(number): name for number, name in PINO_LEVELS.items()}.get(text) or LEVEL_WORDS.get(
        text.strip(" []<>()").lower()
    )


def _sized(text: str, limit: int) -> str | None:
    return text if 1 <= len(text.encode()) <= limit else None


def text_of(value: Any) -> str:
    """A JSON value in a column of text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# Comparing


def as_records(table: pa.Table) -> list[Record]:
    """A parsed table as the naive parser's records. Fails where metadata is no strict JSON object, or an empty one,
    or has a name twice. Numbers that no double holds are left for answers to mend; here they are text."""
    records: list[Record] = table.to_pylist()
    for record in records:
        text = record["metadata"]
        if text is not None:
            record["metadata"] = json.loads(
                text, parse_constant=_refuse, parse_float=_float, parse_int=_int, object_pairs_hook=_members
            )
        assert text is None or (record["metadata"] and isinstance(record["metadata"], dict)), text
        record["timestamp"] = record["timestamp"].astimezone(UTC)
        record["ingested_at"] = record["ingested_at"].astimezone(UTC)
    return records


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 is no true, and 1e2 is 100.0. Text of a container is equal when what it says is."""
    match left, right:
        case dict(), dict():
            return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
        case list(), list():
            return len(left) == len(right) and all(map(same, left, right))
        case str(), str() if left != right and left[:1] in "{[" and left[:1] == right[:1]:
            try:
                return same(json.loads(left), json.loads(right))
            except ValueError:
                return False
        case bool(), _:
            return left is right
        case _, bool():
            return False
        case _:
            return bool(left == right)


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    assert len(members) == len(pairs), f"a name is there twice: {pairs}"
    return members


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
