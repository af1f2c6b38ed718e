"""What the vectorised JSON parser can't read, made into JSON that it can: the few lines that are broken on purpose.

NaN and Infinity become strings, lone surrogates U+FFFD, of a key that is there twice the last value stays, numbers
that no double holds become strings. A line nested deeper than MAX_DEPTH, or no JSON object at all, isn't mended.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from logd.parse.json import MAX_DEPTH

#: One that doesn't end goes to the end of the line, so that each character is looked at once.
_STRING = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def mend(line: str) -> str | None:
    """The line as strict JSON, an object without duplicate keys; None when it is no such thing."""
    if _depth(line) > MAX_DEPTH:
        return None
    try:
        value = json.loads(line, parse_constant=str, parse_float=_float, parse_int=_int, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _SURROGATE.sub("\ufffd", text)


def _depth(line: str) -> int:
    deepest = depth = 0
    for bracket in re.findall(r"[\[{]+|[\]}]+", _STRING.sub("", line)):
        depth += len(bracket) if bracket[0] in "[{" else -len(bracket)
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keys that become the same here are the same key."""
    return {_SURROGATE.sub("\ufffd", key): value for key, value in pairs}


def _float(text: str) -> Any:
    value = float(text)
    return value if math.isfinite(value) else text


def _int(text: str) -> Any:
    return int(text) if len(text) <= 308 else text
