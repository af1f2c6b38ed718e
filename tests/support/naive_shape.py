"""What rules of shaping mean, on one record at a time: dicts, and no cleverness."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

from logd.config.shaping import ShapeTable
from logd.levels import level_of

_COLUMNS = ("level", "service", "host", "source", "trace_id", "message")


def member(found: dict[str, Any], name: str) -> tuple[Any] | None:
    """The value of a name: the member of the whole name, else one below the shortest beginning that has it."""
    if name in found:
        return (found[name],)
    for at, letter in enumerate(name):
        inner = found.get(name[:at]) if letter == "." and name[at + 1 :] else None
        if isinstance(inner, dict) and (value := member(inner, name[at + 1 :])) is not None:
            return value
    return None


def taken_out(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Without all that the name means."""
    left = {key: value for key, value in found.items() if key != name}
    for at, letter in enumerate(name):
        if letter == "." and name[at + 1 :] and isinstance(left.get(name[:at]), dict):
            left[name[:at]] = taken_out(left[name[:at]], name[at + 1 :])
    return left


def place(found: dict[str, Any] | None, name: str, value: Any) -> dict[str, Any] | None:
    """With a value; None changes nothing."""
    return found if value is None else {**(found or {}), name: value}


def shaped(record: dict[str, Any], rule: ShapeTable) -> dict[str, Any]:
    """A record, its metadata a dict or None, after a rule that sets, renames, copies or removes."""
    record = {**record, "metadata": dict(record["metadata"] or {})}
    match rule.type:
        case "set":
            for name, value in rule.fields.items():
                if rule.overwrite or _get(record, name) is None:
                    _put(record, name, value)
        case "rename" | "copy":
            for old, new in rule.fields.items():
                value = _get(record, old, null=_NULL)
                taken = _get(record, new) is not None
                if value is None or (taken and not rule.overwrite) or not _fits(new, value):
                    continue
                if rule.type == "rename":
                    _remove(record, old)
                _put(record, new, None if value is _NULL else value)
        case "remove":
            for name in rule.names:
                if "*" in name:
                    kept = {key: one for key, one in record["metadata"].items() if not fnmatch.fnmatchcase(key, name)}
                    record["metadata"] = kept
                else:
                    _remove(record, name)
    return {**record, "metadata": record["metadata"] or None}


_NULL = object()


def _get(record: dict[str, Any], name: str, null: Any = None) -> Any:
    """None where there is nothing, `null` for JSON's."""
    if name in _COLUMNS:
        return record[name]
    found = member(record["metadata"], name.removeprefix("metadata."))
    return None if found is None else null if found[0] is None else found[0]


def _put(record: dict[str, Any], name: str, value: Any) -> None:
    if name == "level":
        record[name] = level_of(value)
    elif name in _COLUMNS:
        record[name] = value if isinstance(value, str) else json.dumps(value)
    else:
        record["metadata"][name.removeprefix("metadata.")] = value


def _remove(record: dict[str, Any], name: str) -> None:
    if name in _COLUMNS:
        record[name] = None
    else:
        record["metadata"] = taken_out(record["metadata"], name.removeprefix("metadata."))


def _fits(name: str, value: Any) -> bool:
    if name not in _COLUMNS:
        return True
    if value is _NULL or isinstance(value, dict | list):
        return False
    text = value if isinstance(value, str) else json.dumps(value)
    match name:
        case "level":
            return level_of(text) is not None
        case "trace_id":
            return 1 <= len(text.encode()) <= 128
        case "message":
            return True
        case _:
            return text != ""
