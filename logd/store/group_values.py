"""What hits have in the fields that they are grouped by or counted in, as SQL: a text each, or a list of texts.

A field of the metadata is read as one text. Where it is something else in a record, an array or an object, or lies at
several places of which its path can be the name, that is counted: then the whole is asked again with lists, which take
several times as long.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logd.query.fields import METADATA, path_of
from logd.query.metadata import number_of, pointers
from logd.query.sql import Condition
from logd.seams import Aggregate, Function, Stats

_TAGS = "tags"
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
    columns, odd = [f"{bucket} AS bucket"], ["false"]
    places: list[str] = []
    for number, field in enumerate(fields):
        if field not in in_metadata:
            columns.append(f"{field} AS f{number}")
            continue
        found = pointers(path_of(field))
        at = [f"m[{len(places) + place + 1}]" for place in range(len(found))]
        places += found
        if listed:
            columns.append(f"{_listed(at)} AS f{number}")
        else:
            columns.append(f"coalesce({', '.join(at)}, NULL) AS f{number}")
            odd += [f"starts_with({one}, '[') OR starts_with({one}, '{{')" for one in at]
            odd += [f"({' + '.join(f'({one} IS NOT NULL)::INT' for one in at)}) > 1"] if len(at) > 1 else []
    extract = "json_extract" if listed else "json_extract_string"
    m = f", try({extract}(metadata, [{', '.join('?' * len(places))}])) AS m" if places else ""
    sql = f"(SELECT *{m} FROM rows WHERE {condition.sql})"
    sql = f"(SELECT {', '.join(columns)}, {' OR '.join(f'({one})' for one in odd)} AS odd FROM {sql})"
    for place, field in enumerate(asked.by):
        name = f"f{fields.index(field)}"
        if field in lists:
            name = f"unnest(CASE WHEN len({name}) > 0 THEN list_distinct({name}) ELSE [NULL] END)"
        sql = f"(SELECT *, {name} AS g{place} FROM {sql})"
    figures = [_figure(one, f"f{fields.index(one.field)}", one.field in lists) for one in asked.aggregates]
    several = any(field in lists for field in asked.by)
    return Values(sql, [*places, *condition.parameters], figures, several)


def _listed(at: Sequence[str]) -> str:
    found = f"list_filter([{', '.join(at)}], lambda w: w IS NOT NULL)"
    return _TEXTS.format(_SCALARS.format(_ELEMENTS.format(found)))


def _figure(aggregate: Aggregate, field: str, is_list: bool) -> str:
    """The aggregate over a column."""
    if aggregate.function is Function.DISTINCT:
        return f"coalesce(len(list_distinct(flatten(list({field})))), 0)" if is_list else f"count(DISTINCT {field})"
    share = aggregate.function.share
    if not is_list:
        number = number_of(field)
        match aggregate.function:
            case Function.SUM:
                return f"fsum({number})"
            case Function.AVG:
                return f"fsum({number}) / count({number})"
            case _:
                return f"quantile_cont({number}, {share})" if share else f"{aggregate.function.value}({number})"
    each = f"list_transform({field}, lambda t: {number_of('t')})"
    whole = f"list_filter(flatten(list({each})), lambda n: n IS NOT NULL)"
    match aggregate.function:
        case Function.SUM | Function.AVG:
            count = f" / nullif(len({whole}), 0)" if aggregate.function is Function.AVG else ""
            return f"list_aggregate({whole}, 'fsum'){count}"
        case _:
            name, argument = ("quantile_cont", f", {share}") if share else (aggregate.function.value, "")
            return f"list_aggregate({whole}, '{name}'{argument})"
