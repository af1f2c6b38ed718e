"""SQL for one field of the JSON object in the column `metadata`.

A value is compared as Elasticsearch compares keywords, numbers and booleans: strings exactly and in their case, `true`
and `false` by name, numbers by what they are (`42` finds 42, 42.0 and 4.2e1, and the string "42"). An array matches if
one of its elements does, and can be indexed by a number in the path; objects in arrays aren't looked into. A null is
no value. Beyond 2 ** 53, where doubles no longer tell neighbours apart, numbers are compared as text.

Where a pattern or a distance is compared, a number is its text: digits as they are, fractions and powers as JavaScript
writes them (`42.0` for 42.0 and 4.2e1). Ranges of numbers compare doubles, and take strings that are numbers in JSON;
other ranges compare strings only, by code points.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

from logd.query.tree import Range

#: RFC 8259, section 6.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
#: Characters that JSON may write in two ways without `\u`.
_MAYBE_ESCAPED = re.compile(r'["\\/\x00-\x1f]+')
#: What other spellings of a number may lack.
_OF_NUMBERS = re.compile(r"[-+.0-9eE]*")
_EXACT_DOUBLES = 2.0**53
Parameters = list[str | float]
#: The condition on one JSON value, by the name that its text has in the SQL, and its parameters.
Test = Callable[[str], tuple[str, Parameters]]


def has_value(path: tuple[str, ...], value: str, parameters: Parameters) -> str:
    """The condition that the field has the value; its parameters are added to `parameters`."""
    return _any(path, _guard_of(part_of(value, path)), lambda name: _is_value(name, value), parameters)


def has_text(
    path: tuple[str, ...], condition: str, arguments: Parameters, literals: Sequence[str], parameters: Parameters
) -> str:
    """… that it has a scalar for whose text the `condition` is true, which names the text `{}`; that text has all of
    the `literals` in it."""
    literals = [literal for literal in literals if not _OF_NUMBERS.fullmatch(literal)]

    def test(name: str) -> tuple[str, Parameters]:
        text = f"json_extract_string({name}, '$')"
        scalar = f"NOT starts_with({name}, '{{') AND NOT starts_with({name}, '[')"
        return f"({scalar} AND {condition.replace('{}', text)})", arguments

    return _any(path, _guard(literals, path), test, parameters)


def in_range(path: tuple[str, ...], bounds: Range, parameters: Parameters) -> str:
    """… that it has a value in the range."""
    limits = [str(bound) for bound in (bounds.low, bounds.high) if bound is not None]
    numeric = all(map(is_number, limits))
    compared = _compared(bounds)
    doubles: Parameters = [*numbers(bounds)] if numeric else []

    def test(name: str) -> tuple[str, Parameters]:
        text = f"json_extract_string({name}, '$')"
        if not numeric:
            return f"(starts_with({name}, '\"') AND {compared.replace('{}', text)})", [*limits]
        # From JSON's type, the cast would take true for a number.
        string = f"CASE WHEN regexp_full_match({text}, '{_NUMBER.pattern}') THEN try_cast({text} AS DOUBLE) END"
        number = f"try_cast({name}::VARCHAR AS DOUBLE)"
        number = f"(CASE WHEN starts_with({name}, '\"') THEN {string} ELSE {number} END)"
        return f"({number} BETWEEN ? AND ?)", [*doubles]

    return _any(path, _guard([], path), test, parameters)


def exists(path: tuple[str, ...], parameters: Parameters) -> str:
    """… that it has a value."""

    def test(name: str) -> tuple[str, Parameters]:
        empty = " AND x <> '{}'" if name == "x" else ""
        return f"({name} <> 'null'{empty})", []

    return _any(path, _guard([], path), test, parameters)


def is_number(value: str) -> bool:
    """It is found in every spelling that means the same number."""
    return _NUMBER.fullmatch(value) is not None


def numbers(bounds: Range) -> tuple[float, float]:
    """The bounds as doubles, both included: the value is taken out of the JSON once, and compared once."""
    low = -math.inf if bounds.low is None else float(bounds.low)
    high = math.inf if bounds.high is None else float(bounds.high)
    if (bounds.low is not None and not bounds.low_included and low == math.inf) or (
        bounds.high is not None and not bounds.high_included and high == -math.inf
    ):
        return 1.0, 0.0  # nothing is beyond
    if bounds.low is not None and not bounds.low_included:
        low = math.nextafter(low, math.inf)
    if bounds.high is not None and not bounds.high_included:
        high = math.nextafter(high, -math.inf)
    return low, high


def number_of(text: str) -> str:
    """Of an expression for a value's text the number that ranges compare, as a double; null if it is none."""
    double = f"try_cast({text} AS DOUBLE)"
    finite = f"CASE WHEN isfinite({double}) THEN {double} END"
    return f"CASE WHEN regexp_full_match({text}, '{_NUMBER.pattern}') THEN {finite} END"


def pointers(path: tuple[str, ...]) -> list[str]:
    """Every place where the value of a field may lie."""
    return [_pointer(keys) for keys in _spellings(path)]


def _compared(bounds: Range) -> str:
    """`{}` against the bounds that there are, a parameter each."""
    parts = []
    if bounds.low is not None:
        parts.append("{} >= ?" if bounds.low_included else "{} > ?")
    if bounds.high is not None:
        parts.append("{} <= ?" if bounds.high_included else "{} < ?")
    return " AND ".join(parts)


def _any(path: tuple[str, ...], guard: tuple[str, Parameters], test: Test, parameters: Parameters) -> str:
    """The test holds for what lies at the path, or an element of it. The guard is true wherever it can."""
    element, element_arguments = test("y")
    condition, arguments = test("x")
    places = pointers(path)
    found = f"try(json_extract(metadata, [{', '.join('?' * len(places))}]))"
    in_array = f"len(list_filter(json_extract(x, '$[*]'), lambda y: {element})) > 0"
    parameters += [*guard[1], *places, *element_arguments, *arguments]
    return (
        f"CASE WHEN {guard[0]} THEN len(list_filter({found}, "
        f"lambda x: CASE WHEN starts_with(x, '[') THEN {in_array} ELSE {condition} END)) > 0 ELSE false END"
    )


def _is_value(name: str, value: str) -> tuple[str, Parameters]:
    """The condition on one JSON value's text."""
    number = float(value) if is_number(value) else None
    if number is not None and abs(number) < _EXACT_DOUBLES:
        # As text first: from JSON's type, the cast would take "42" and true for numbers.
        return f"({name} = to_json(?::VARCHAR) OR try_cast({name}::VARCHAR AS DOUBLE) = ?)", [value, number]
    if number is not None or value in ("true", "false"):
        return f"({name} = to_json(?::VARCHAR) OR {name} = ?)", [value, value]
    return f"{name} = to_json(?::VARCHAR)", [value]


def part_of(value: str, path: Sequence[str]) -> str:
    """What stands in the JSON of all metadata that has the value at the path, unless a `\\u` does; it may be empty."""
    return _part([value]) if not is_number(value) else _part([], path)


def _guard(values: Sequence[str], path: Sequence[str] = ()) -> tuple[str, Parameters]:
    """What is true of all metadata that may have texts with these in them at the path, and cheap."""
    return _guard_of(_part(values, path))


def _guard_of(part: str) -> tuple[str, Parameters]:
    if not part:
        return "metadata IS NOT NULL", []
    return r"(contains(metadata, ?) OR contains(metadata, '\u'))", [part]


def _part(values: Sequence[str], path: Sequence[str] = ()) -> str:
    """The text of a string, and a key that can't be an index, stands in its JSON, but for what is escaped."""
    keys = [key for key in path if not key.isdecimal()]
    parts = [part for value in (*values, *keys) for part in _MAYBE_ESCAPED.split(value)]
    return max(parts, key=len, default="")


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
