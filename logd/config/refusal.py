"""One sentence about a setting that won't do: its key, its value, who set it, and what was expected."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from logd.config.keys import KeyPath, dotted, expectation, names_beside, nearest, type_at, value_at
from logd.config.parsers import FieldType, LevelName, Text
from logd.config.schema import Policy
from logd.errors import ConfigError

#: Says who set a key: "in logd.toml", "in LOGD_API__LISTEN", "on the command line", "by default".
Where = Callable[[KeyPath], str]

_LAST = re.compile(r"(\[\d+\])?\.[^.]*$")
_PLACE = re.compile(r"(?s)(?P<message>.*?)(?: - at `\$(?P<path>.*)`)?")
_UNKNOWN = re.compile(r"(?s)Object contains unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"(?s)Object missing required field `(?P<name>.*)`")
_PARTS = re.compile(r"\[(\d+)\]|(\[\.\.\.\])|\.?([^.\[]+)")
#: The tables whose keys are people's own, and what their values are.
_VALUES: Mapping[str | int, Any] = {"policies": Policy, "patterns": Text, "levels": LevelName, "types": FieldType}
#: A value is quoted up to here; the rest of a long one helps nobody.
_QUOTED_CHARACTERS = 80


def refused(path: KeyPath, value: object, where: Where, expected: str, reason: str = "") -> ConfigError:
    """`api.listen is "8080" in logd.toml, expected host:port`; a reason comes before it, with a colon."""
    said = f"{reason}: " if reason else ""
    return ConfigError(f"{said}{dotted(path)} is {_quoted(value)} {where(path)}, expected {expected}")


def unknown(path: KeyPath, value: object, where: Where) -> ConfigError:
    """The refusal of a key that the schema doesn't have, with the one that was probably meant."""
    if (whole := _list_around(path)) is not None:
        return refused(path, value, where, f"{dotted(whole)} as a whole, in JSON or TOML")
    near = nearest(path)
    known = names_beside(path)
    hint = f"known here are {', '.join(known)}" if known else "there is none here"
    if near and len(path) > 1 and not near.startswith(_LAST.sub("", dotted(path))):
        hint = f"did you mean {near}? {hint}"
    elif near:
        hint = f"did you mean {near}?"
    return refused(path, value, where, f"a key that exists: {hint}")


def mistyped(error: msgspec.ValidationError, tree: Mapping[str, Any], where: Where) -> ConfigError:
    """The refusal for what msgspec found in `tree`: an unknown key, a missing one, a wrong type, a value out of
    bounds."""
    found = _PLACE.fullmatch(str(error))
    assert found is not None  # every text matches
    path = _path(found["path"] or "", tree)
    if field := _UNKNOWN.fullmatch(found["message"]):
        path = (*path, field["name"])
        return unknown(path, value_at(tree, path), where)
    if field := _MISSING.fullmatch(found["message"]):
        missing = (*path, field["name"])
        return ConfigError(f"{dotted(missing)} is missing {where(path)}, expected {_expected(missing)}")
    return refused(path, value_at(tree, path), where, _expected(path))


def _path(text: str, tree: Mapping[str, Any]) -> KeyPath:
    """A path as msgspec writes it, in which a name that isn't the schema's is `[...]`."""
    path: KeyPath = ()
    for index, any_name, name in _PARTS.findall(text):
        path = (*path, int(index) if index else _wrong_name(path, tree) if any_name else name)
    return path


def _wrong_name(path: KeyPath, tree: Mapping[str, Any]) -> str:
    """The first of a table with names of people's own whose value won't do. msgspec doesn't say which."""
    table = value_at(tree, path)
    assert isinstance(table, dict)
    for name, value in table.items():
        try:
            msgspec.convert(value, _VALUES[path[-1]])
        except msgspec.ValidationError:
            return str(name)
    raise AssertionError(table)


def _list_around(path: KeyPath) -> KeyPath | None:
    # Overrides are names only and don't reach into lists, but people try `agent.files[0].service`.
    names = [part.partition("[")[0] for part in path if isinstance(part, str)]
    prefixes = (tuple(names[:end]) for end in range(1, len(names) + 1) if len(names) == len(path))
    return next((prefix for prefix in prefixes if isinstance(type_at(prefix), inspect.ListType)), None)


def _expected(path: KeyPath) -> str:
    kind = type_at(path)
    return expectation(kind) if kind is not None else "another value"


def _quoted(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "…"
