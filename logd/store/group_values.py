"""What hits have in the fields that they are grouped by or counted in, as SQL: a text each, or a list of texts.

A field of the metadata is read as one text, or, if only its numbers count, as JSON (⏱ 40 % less than telling whether a
text is a number). Where it is something else in a record, an array or an object, or lies at
several places of which its path can be the name, that is counted: then the whole is asked again with lists, which take
several times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from logd.query.fields import METADATA, path_of
from logd.query.metadata import number_of, pointers
from logd.query.sql import Condition
from logd.seams import Aggregate, Function, Stats

_TAGS = "tags"
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
    hit with several values is there several times. `odd` is true where a hit has more in a field than the relation.
    `figures` are aggregates over it. `several`: hits may be there more than once."""

    sql: str
    parameters: list[str | float]
    figures: Sequence[str]
    several: bool


def values(asked: Stats, condition: Condition, bucket: str, listed: bool) -> Values:
    """`bucket` is a column more, as an expression over the rows. `listed`: read metadata as lists."""
    fields = list(dict.fromkeys([*asked.by, *(aggregate.field for aggregate in asked.aggregates)]))
    in_metadata = [field for field in fields if field.startswith(METADATA)]
    lists = {field for field in fields if field == _TAGS or (listed and field in in_metadata)}
    texts = {*asked.by, *(one.field for one in asked.aggregates if one.function is Function.DISTINCT)}
    numbers = [f"f{number}" for number, field in enumerate(fields) if field in {*in_metadata} - texts - lists]
    columns, odd = [f"{bucket} AS bucket"], ["false"]
    places: dict[str, list[str]] = {_AS_TEXT: [], _AS_JSON: []}
    for number, field in enumerate(fields):
        name = f"f{number}"
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
            odd += [_is_odd(one) for one in at if name not in numbers]
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
    figures = []
    for one in asked.aggregates:
        name = f"f{fields.index(one.field)}"
        if one.field in lists:
            figures.append(_figure_of_lists(one, name))
        else:
            figures.append(_figure(one, name, f"number_{name}" if name in numbers else number_of(name)))
    several = any(field in lists for field in asked.by)
    return Values(sql, [*chain(*places.values()), *condition.parameters], figures, several)


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


def _figure(aggregate: Aggregate, field: str, number: str) -> str:
    """The aggregate over a column of texts, or over the number in it."""
    share = aggregate.function.share
    match aggregate.function:
        case Function.DISTINCT:
            return f"count(DISTINCT {field})"
        case Function.SUM:
            return f"fsum({number})"
        case Function.AVG:
            return f"fsum({number}) / count({number})"
        case _:
            return f"quantile_cont({number}, {share})" if share else f"{aggregate.function.value}({number})"


def _figure_of_lists(aggregate: Aggregate, field: str) -> str:
    """… over a column of lists of texts."""
    share = aggregate.function.share
    each = f"list_transform({field}, lambda t: {number_of('t')})"
    whole = f"list_filter(flatten(list({each})), lambda n: n IS NOT NULL)"
    match aggregate.function:
        case Function.DISTINCT:
            return f"coalesce(len(list_distinct(flatten(list({field})))), 0)"
        case Function.SUM:
            return f"list_aggregate({whole}, 'fsum')"
        case Function.AVG:
            return f"list_aggregate({whole}, 'fsum') / nullif(len({whole}), 0)"
        case _:
            name, argument = ("quantile_cont", f", {share}") if share else (aggregate.function.value, "")
            return f"list_aggregate({whole}, '{name}'{argument})"
