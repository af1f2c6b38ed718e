"""SQL for one value in the JSON object of the column `metadata`.

A value is compared as Elasticsearch compares keywords, numbers and booleans: strings exactly and in their case, `true`
and `false` by name, numbers by what they are (`42` finds 42, 42.0 and 4.2e1, and the string "42"). An array matches if
one of its elements does, and can be indexed by a number in the path; objects in arrays aren't looked into. A null is
no value. Beyond 2 ** 53, where doubles no longer tell neighbours apart, numbers are compared as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: RFC 8259, section 6.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
#: Characters that JSON may write in two ways without `\u`.
_MAYBE_ESCAPED = re.compile(r'["\\/\x00-\x1f]+')
_EXACT_DOUBLES = 2.0**53


def has_value(path: tuple[str, ...], value: str, parameters: list[str | float]) -> str:
    """The condition that the field has the value; its parameters are added to `parameters`."""
    condition, arguments = _is_value("x", value)
    element, element_arguments = _is_value("y", value)
    pointers = [_pointer(keys) for keys in _spellings(path)]
    guard, guard_arguments = _guard(value)
    found = f"try(json_extract(metadata, [{', '.join('?' * len(pointers))}]))"
    in_array = f"len(list_filter(json_extract(x, '$[*]'), lambda y: {element})) > 0"
    parameters += [*guard_arguments, *pointers, *arguments, *element_arguments]
    return (
        f"CASE WHEN {guard} THEN len(list_filter({found}, "
        f"lambda x: {condition} OR (starts_with(x, '[') AND {in_array}))) > 0 ELSE false END"
    )


def is_number(value: str) -> bool:
    """It is found in every spelling that means the same number."""
    return _NUMBER.fullmatch(value) is not None


def _is_value(name: str, value: str) -> tuple[str, list[str | float]]:
    """The condition on one JSON value's text."""
    number = float(value) if is_number(value) else None
    if number is not None and abs(number) < _EXACT_DOUBLES:
        # As text first: from JSON's type, the cast would take "42" and true for numbers.
        return f"({name} = to_json(?::VARCHAR) OR try_cast({name}::VARCHAR AS DOUBLE) = ?)", [value, number]
    if number is not None or value in ("true", "false"):
        return f"({name} = to_json(?::VARCHAR) OR {name} = ?)", [value, value]
    return f"{name} = to_json(?::VARCHAR)", [value]


def _guard(value: str) -> tuple[str, list[str]]:
    """What is true of all metadata that may have the value, and cheap: the text of a string stands in its JSON, but for
    what is escaped. A number has too many spellings."""
    part = max(_MAYBE_ESCAPED.split(value), key=len)
    if not part or is_number(value):
        return "metadata IS NOT NULL", []
    return r"(contains(metadata, ?) OR contains(metadata, '\u'))", [part]


def _spellings(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every way to nest or join the parts: a.b.c is (a, b, c), (a, b.c), (a.b, c) and (a.b.c)."""
    for joined in range(2 ** (len(path) - 1)):
        keys = [path[0]]
        for index, part in enumerate(path[1:]):
            if joined >> index & 1:
                keys[-1] += "." + part
            else:
                keys.append(part)
        yield tuple(keys)


def _pointer(keys: tuple[str, ...]) -> str:
    """RFC 6901. DuckDB's own paths have no way to write a quote."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
