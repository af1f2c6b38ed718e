"""What the schema knows about a key: its type, its neighbours, and in words what it expects.

A key's path is a tuple, `("agent", "files", 0, "paths")`; people read it as `agent.files[0].paths`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator

import msgspec
from msgspec import inspect

from logd.config.schema import Config

KeyPath = tuple[str | int, ...]

_ROOT = inspect.type_info(Config)
_LARGEST = 2**63 - 1
#: Below this a suggestion is a guess: `api.lisen` is 0.95 like `api.listen`, `port` 0.67 like `api.host`.
_LIKENESS = 0.75
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path: KeyPath) -> str:
    """A path as people write it. A name that TOML would quote is quoted, so that it stays in one line."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else json.dumps(part))
    return text


def type_at(path: KeyPath, root: inspect.Type = _ROOT) -> inspect.Type | None:
    """The type of the value at `path`; None when the schema, whose whole is `root`, has no such key."""
    kind = root
    for part in path:
        match kind:
            case inspect.StructType(fields=fields) if isinstance(part, str):
                found = next((field.type for field in fields if field.encode_name == part), None)
            case inspect.ListType(item_type=item) if isinstance(part, int):
                found = item
            case inspect.DictType(value_type=value) if isinstance(part, str):
                found = value
            case _:
                found = None
        if found is None:
            return None
        kind = _plain(found)
    return kind


def value_at(tree: object, path: KeyPath) -> object:
    """The value at `path` of a tree of dicts, lists and structs; msgspec.UNSET where there is none."""
    for part in path:
        match tree:
            case dict():
                tree = tree.get(part, msgspec.UNSET)
            case list() if isinstance(part, int) and part < len(tree):
                tree = tree[part]
            case msgspec.Struct() if isinstance(part, str):
                tree = getattr(tree, part, msgspec.UNSET)
            case _:
                return msgspec.UNSET
    return tree


def every_key() -> list[str]:
    """Every key of the schema, tables before what is in them: `agent`, `agent.files`, `agent.files[].paths` …"""
    return list(_keys(_ROOT, ""))


def nearest(path: KeyPath) -> str | None:
    """The key that was probably meant by an unknown one: spelt alike, or of the same name in another table."""
    text = re.sub(r"\[\d+\]", "[]", dotted(path))
    name = text.rpartition(".")[2]

    def likeness(key: str) -> float:
        alike = difflib.SequenceMatcher(None, text, key).ratio()
        return max(alike, 0.9) if key.rpartition(".")[2] == name else alike

    best = max(every_key(), key=likeness)
    return best if likeness(best) >= _LIKENESS else None


def names_beside(path: KeyPath) -> list[str]:
    """The names that the table around `path` knows; empty when there is no such table."""
    kind = type_at(path[:-1])
    return [field.name for field in kind.fields] if isinstance(kind, inspect.StructType) else []


def expectation(kind: inspect.Type) -> str:
    """What a value of this type has to be, in words."""
    match kind:
        case inspect.StrType(min_length=least):
            return "a text that isn't empty" if least else "a text"
        case inspect.BoolType():
            return "true or false"
        case inspect.DateTimeType():
            return "a time with its zone, such as 2026-11-24T10:00:00Z"
        case inspect.IntType():
            return "a whole number" + _bounds(kind)
        case inspect.FloatType():
            return "a number" + _bounds(kind)
        case inspect.LiteralType(values=values):
            return " or ".join(json.dumps(value) for value in values)
        case inspect.ListType(item_type=item, min_length=least):
            what = "table" if isinstance(_plain(item), inspect.StructType) else "text"
            return f"a list of at least one {what}" if least else f"a list of {what}s"
        case _:
            return "a table"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    least = f" of at least {kind.ge}" if kind.ge is not None else f" above {kind.gt}" if kind.gt is not None else ""
    most = f" and at most {kind.le}" if kind.le is not None and kind.le != _LARGEST else ""
    return least + most


def _plain(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):  # with None, which TOML has not
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _keys(kind: inspect.Type, prefix: str, around: tuple[type, ...] = ()) -> Iterator[str]:
    """What is within itself, as a step's steps are, is there once."""
    match _plain(kind):
        case inspect.StructType(cls=table, fields=fields) if table not in around:
            for field in fields:
                key = f"{prefix}.{field.name}" if prefix else field.name
                yield key
                yield from _keys(field.type, key, (*around, table))
        case inspect.ListType(item_type=item):
            yield from _keys(item, f"{prefix}[]", around)
