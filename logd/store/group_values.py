"""What hits have in the fields that they are grouped by or counted in, as SQL: a text each, or a list of texts.

A field of the metadata is read as one text, or, if only its numbers count, as JSON (⏱ 40 % less than telling whether a
text is a number). Where it is something else in a record, an array or an object, or lies at
several places of which its path can be the name, that is counted: then the whole is asked again with lists, which take
several times as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import msgspec

from logd.query.fields import METADATA, path_of
from logd.query.metadata import number_of, pointers
from logd.query.sql import Condition
from logd.seams import Function, Stats

_TAGS = "tags"
#: Only its size is ever asked for.
_MESSAGE = "message"
#: DuckDB's aggregates that a figure of numbers is made of.
_PARTS = {
    Function.MIN: ["min"],
    Function.MAX: ["max"],
    Function.SUM: ["fsum"],
    Function.AVG: ["fsum", "count"],
}
#: DuckDB's functions for what is at a path.
_AS_TEXT, _AS_JSON = "json_extract_string", "json_extract"
#: Elements of arrays are values, but neither objects nor arrays in them; a null is none.
_ELEMENTS = (
    "flatten(list_transform({}, lambda x: CASE WHEN starts_with(x, '[') THEN json_extract(x, '$[*]') ELSE [x] END))"
)
_SCALARS = "list_filter({}, lambda y: y <> 'null' AND NOT starts_with(y, '[') AND NOT starts_with(y, '{{'))"
_TEXTS = "list_transform({}, lambda z: json_extract_string(z, '$'))"


class Values(msgspec.Struct, frozen=True):
    """`sql` is a relation of the hits with `parameters` in it: the values of `by` are its columns `g0` and so on, and a
    hit with several values is there several times. `figures` are aggregates over it, and `parts`, by their names, those
    of which figures that can be added up are made. So is `odd`: hits have more in a field than the relation. `several`:
    hits may be there more than once."""

    sql: str
    parameters: list[str | float]
    figures: Sequence[str]
    parts: Mapping[str, str]
    odd: str
    several: bool


def values(asked: Stats, condition: Condition, kept: Sequence[str], listed: bool) -> Values:
    """`kept` are columns more, as expressions over the rows. `listed`: read metadata as lists."""
    fields = list(dict.fromkeys([*asked.by, *(aggregate.field for aggregate in asked.aggregates)]))
    in_metadata = [field for field in fields if field.startswith(METADATA)]
    lists = {field for field in fields if field == _TAGS or (listed and field in in_metadata)}
    texts = {*asked.by, *(one.field for one in asked.aggregates if one.function is Function.DISTINCT)}
    numbers = [f"f{number}" for number, field in enumerate(fields) if field in {*in_metadata} - texts - lists]
    columns, odd = [*kept], ["false"]
    places: dict[str, list[str]] = {_AS_TEXT: [], _AS_JSON: []}
    for number, field in enumerate(fields):
        name = f"f{number}"
        if field == _MESSAGE:
            columns.append(f"coalesce(strlen({field}), 0) AS {name}")
            continue
        if field not in in_metadata:
            columns.append(f"{field} AS {name}")
            continue
        how = _AS_JSON if listed or name in numbers else _AS_TEXT
        found = pointers(path_of(field))
        at = [f"from_{how}[{len(places[how]) + place + 1}]" for place in range(len(found))]
        places[how] += found
        one_of = _listed(at) if listed else f"coalesce({', '.join(at)}, NULL)"
        columns.append(f"{one_of} AS {name}")
        if not listed:
            odd += [f"({' + '.join(f'({one} IS NOT NULL)::INT' for one in at)}) > 1"] if len(at) > 1 else []
            odd += [_is_odd(one) for one in at if name not in numbers and field not in asked.by]
    extracted = [
        f", try({how}(metadata, [{', '.join('?' * len(found))}])) AS from_{how}"
        for how, found in places.items()
        if found
    ]
    sql = f"(SELECT *{''.join(extracted)} FROM rows WHERE {condition.sql})"
    sql = f"(SELECT {', '.join(columns)}, {' OR '.join(f'({one})' for one in odd)} AS odd FROM {sql})"
    if numbers:
        sql = _with_numbers(sql, numbers)
    for place, field in enumerate(asked.by):
        name = f"f{fields.index(field)}"
        if field in lists:
            name = f"unnest(CASE WHEN len({name}) > 0 THEN list_distinct({name}) ELSE [NULL] END)"
        sql = f"(SELECT *, {name} AS g{place} FROM {sql})"
    figures: list[str] = []
    parts: dict[str, str] = {}
    for place, one in enumerate(asked.aggregates):
        name = f"f{fields.index(one.field)}"
        if one.function is Function.BYTES:
            made: Sequence[str] = [f"coalesce(fsum({name}), 0)"]
        elif one.field in lists:
            made = _of_lists(one.function, name)
        else:
            made = _of_texts(one.function, name, f"number_{name}" if name in numbers else number_of(name))
        figures.append(" / ".join(made))
        parts |= dict(zip(part_names(place, one.function), made, strict=True))
    # Of values that make a group it is looked at once: at each hit it would take a quarter of the whole (⏱).
    odd = [_is_odd(f"g{n}") for n, field in enumerate(asked.by) if field in in_metadata and not listed]
    return Values(
        sql,
        [*chain(*places.values()), *condition.parameters],
        figures,
        parts,
        f"coalesce({' OR '.join(['bool_or(odd)', *odd])}, false)",
        several=any(field in lists for field in asked.by),
    )


def part_names(place: int, function: Function) -> Sequence[str]:
    """The columns with the parts of the figure at this place: it is the one, or the first by the second."""
    return (f"a{place}", f"count_a{place}") if function is Function.AVG else (f"a{place}",)


def _is_odd(text: str) -> str:
    return f"starts_with({text}, '[') OR starts_with({text}, '{{')"


def _with_numbers(sql: str, names: Sequence[str]) -> str:
    """With a number for each of the columns, which are JSON: what is no number is looked at again, which is rare."""
    doubles = [f"try_cast({name}::VARCHAR AS DOUBLE) AS double_{name}" for name in names]
    odd, numbers = ["odd"], []
    for name in names:
        text = f"json_extract_string({name}, '$')"
        other = f"CASE WHEN starts_with({name}, '\"') THEN {number_of(text)} END"
        odd.append(f"CASE WHEN double_{name} IS NULL THEN {_is_odd(name)} ELSE false END")
        double = f"double_{name}"
        numbers.append(
            f"CASE WHEN {double} IS NULL THEN {other} WHEN isfinite({double}) THEN {double} END AS number_{name}"
        )
    sql = f"(SELECT *, {', '.join(doubles)} FROM {sql})"
    return f"(SELECT * EXCLUDE (odd), {', '.join(numbers)}, ({' OR '.join(odd)}) AS odd FROM {sql})"


def _listed(at: Sequence[str]) -> str:
    found = f"list_filter([{', '.join(at)}], lambda w: w IS NOT NULL)"
    return _TEXTS.format(_SCALARS.format(_ELEMENTS.format(found)))


def _of_texts(function: Function, field: str, number: str) -> Sequence[str]:
    """The parts of a figure over a column of texts, or over the number in it."""
    if function is Function.DISTINCT:
        return [f"count(DISTINCT {field})"]
    if function.share:
        return [f"quantile_cont({number}, {function.share})"]
    return [f"{part}({number})" for part in _PARTS[function]]


def _of_lists(function: Function, field: str) -> Sequence[str]:
    """… over a column of lists of texts."""
    each = f"list_transform({field}, lambda t: {number_of('t')})"
    whole = f"list_filter(flatten(list({each})), lambda n: n IS NOT NULL)"
    if function is Function.DISTINCT:
        return [f"coalesce(len(list_distinct(flatten(list({field})))), 0)"]
    if function.share:
        return [f"list_aggregate({whole}, 'quantile_cont', {function.share})"]
    return [f"list_aggregate({whole}, '{part}')" for part in _PARTS[function]]
