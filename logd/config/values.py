"""Environment variables and `--set` are text: here it becomes the value that the key's type asks for."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from msgspec import inspect


def from_text(text: str, kind: inspect.Type) -> Any:
    """The value in `text`. A list of texts may be written with commas; tables and other lists are JSON or TOML.
    What can't be read as `kind` stays text, so that the check of types refuses it with everything it says."""
    match kind:
        case inspect.StrType() | inspect.LiteralType():
            return _unquoted(text)
        case inspect.IntType():
            return _number(text, int)
        case inspect.FloatType():
            return _number(text, float)
        case inspect.ListType(item_type=inspect.StrType()) if not text.lstrip().startswith("["):
            return [part.strip() for part in text.split(",") if part.strip()]
        case _:
            return _structured(text)


def _number(text: str, kind: type[int] | type[float]) -> int | float | str:
    try:
        return kind(text)
    except ValueError:
        return text


def _unquoted(text: str) -> str:
    # `docker run --env-file` keeps the quotes of LOGD_DATA_DIR="x", and `--set 'a.b="x"'` is how TOML writes it.
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        value = _structured(text)
        return value if isinstance(value, str) else text
    return text


def _structured(text: str) -> Any:
    # ValueError and not its two subclasses: a number of 5,000 digits raises the bare one.
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return document["value"] if list(document) == ["value"] else text
