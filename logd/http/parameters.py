"""Request parameters: what each is called and may be, and those that searches, histograms and tails have in common.

A handler names its parameters in a tuple of `Parameter`, from which the OpenAPI document is made too, and calls
`check` with it first: what isn't in it is refused, and so is one that comes twice where one is meant.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from msgspec import Meta
from multidict import MultiDict, MultiMapping

from logd.errors import BadRequest
from logd.http.schemas import DURATION
from logd.query.fields import KEYWORDS, MAX_PATH_PARTS, METADATA, column_of, path_of
from logd.query.parse import Operator, parse
from logd.query.time import parse_time
from logd.query.tree import And, Equals, Everything, Node, Or
from logd.query.values import listed

_DURATION = re.compile(DURATION, re.ASCII)
_UNITS_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
#: The years that a time can have: a longer duration means nothing.
_MOST_US = 10_000 * 366 * _UNITS_US["d"]
#: Of a field's name in characters: an answer has it again.
_LONGEST_FIELD = 1_024
#: In which a body of parameters has to come.
_BODY_SECONDS = 30.0
#: Of a filter: DuckDB plans each of them.
MAX_VALUES = 1_000
#: There are six levels; others are looked for in the metadata, which costs more than a column.
_MAX_LEVELS = 50
_COMMAS = "Commas part values; a comma of a value has a backslash before it."


class Parameter(msgspec.Struct, frozen=True):
    """`of` is the type of its value for OpenAPI, as msgspec writes types. One that `repeats` is a list, in which commas
    part values too, see query.values."""

    name: str
    meaning: str
    of: Any = str
    repeats: bool = False
    required: bool = False
    place: Literal["query", "path", "header"] = "query"


Q = Parameter(
    "q", "The query: words, phrases, fields, patterns, ranges, AND, OR, NOT and groups; empty means everything."
)
SERVICE = Parameter("service", f"One of these services. {_COMMAS}", repeats=True)
LEVEL = Parameter("level", "One of these levels, in any spelling.", repeats=True)
HOST = Parameter("host", f"One of these hosts. {_COMMAS}", repeats=True)
FROM = Parameter("from", "The earliest time: ISO 8601, Unix time in s to ns, or relative such as -15m.")
TO = Parameter("to", "The first time after the last: as `from`.")
DEFAULT_OPERATOR = Parameter(
    "default_operator", "What terms side by side mean; search.default_operator unless told.", Literal["or", "and"]
)
#: What `read_filters` reads.
FILTERS = (Q, SERVICE, LEVEL, HOST, FROM, TO, DEFAULT_OPERATOR)
TIMEOUT = Parameter(
    "timeout",
    "How long it may take, such as 5s; at most search.deadline_seconds, which is the default.",
    Annotated[str, Meta(pattern=DURATION)],
)


class Filters(NamedTuple):
    """Which records are meant. Times are Unix µs, `from_us` inclusive, `to_us` exclusive. `terms` are what `q` says
    alone."""

    query: Node
    from_us: int | None
    to_us: int | None
    terms: Node


def check(query: MultiMapping[str], parameters: Sequence[Parameter]) -> None:
    """Raises BadRequest that names what is no parameter, or is there more than once without being one that repeats."""
    known = {parameter.name: parameter for parameter in parameters}
    for name in dict.fromkeys(query):
        if name not in known:
            expected = f"expected one of {', '.join(sorted(known))}" if known else "there are none here"
            raise BadRequest("unknown_parameter", f"parameter {shortened(name)} is unknown, {expected}", name[:100])
        if not known[name].repeats and len(query.getall(name)) > 1:
            raise BadRequest("repeated_parameter", f"parameter {name!r} is given more than once", name)


def read_filters(query: MultiMapping[str], now: int, default_operator: Operator = "or") -> Filters:
    """FILTERS as a tree and times; `now` is what relative times are relative to, in Unix µs. `default_operator` is
    meant unless they say otherwise. Raises BadRequest that names the parameter."""
    from_us = parse_time(query["from"], now, "from") if query.get("from") else None
    to_us = parse_time(query["to"], now, "to") if query.get("to") else None
    if from_us is not None and to_us is not None and from_us > to_us:
        raise BadRequest("bad_range", f"from {shortened(query['from'])} is after to {shortened(query['to'])}", "from")
    terms = parse(query.get("q", ""), operator_of(query, default_operator), now)
    parts = [terms, *_filters(query)]
    wanted = tuple(part for part in parts if not isinstance(part, Everything))
    node: Node = Everything() if not wanted else wanted[0] if len(wanted) == 1 else And(wanted)
    return Filters(node, from_us, to_us, terms)


def operator_of(query: MultiMapping[str], default_operator: Operator) -> Operator:
    """What terms side by side mean. Raises BadRequest."""
    return (
        "and" if choice(query, DEFAULT_OPERATOR.name, default_operator, {"or": "or", "and": "and"}) == "and" else "or"
    )


def _filters(query: MultiMapping[str]) -> Iterable[Node]:
    """A filter's values, repeated or with commas, are alternatives."""
    for parameter in (SERVICE, LEVEL, HOST):
        field = parameter.name
        values = tuple(Equals(field, value) for value in listed(query.getall(field, ())))
        most = _MAX_LEVELS if parameter is LEVEL else MAX_VALUES
        if len(values) > most:
            raise BadRequest("too_many_values", f"{field} has {len(values)} values, at most {most}", field)
        if values:
            yield values[0] if len(values) == 1 else Or(values)


def whole_number(query: MultiMapping[str], name: str, default: int, least: int, most: int) -> int:
    """Raises BadRequest."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise BadRequest(
            "bad_number", f"{name} is {shortened(text)}, expected a whole number from {least} to {most}", name
        )
    return int(text)


def choice(query: MultiMapping[str], name: str, default: str, choices: Mapping[str, str]) -> str:
    """What the value, in any case, stands for; `default` when it is absent or empty. Raises BadRequest."""
    text = query.get(name, "")
    if not text:
        return default
    if (found := choices.get(text.lower())) is None:
        expected = ", ".join(choices)
        raise BadRequest("bad_choice", f"{name} is {shortened(text)}, expected one of {expected}", name)
    return found


def choices(query: MultiMapping[str], name: str, known: Sequence[str]) -> Sequence[str]:
    """Of a parameter that repeats, in any case; nothing when it is absent or empty. Raises BadRequest."""
    found = [value.strip().lower() for text in query.getall(name, ()) for value in text.split(",") if value.strip()]
    for value in found:
        if value not in known:
            expected = ", ".join(known)
            raise BadRequest("bad_choice", f"{name} has {shortened(value)}, expected one of {expected}", name)
    return found


def boolean(query: MultiMapping[str], name: str, default: bool) -> bool:
    """`true` or `false`. Raises BadRequest."""
    found = choice(query, name, "true" if default else "false", {"true": "true", "false": "false"})
    return found == "true"


def duration_us(text: str, where: str) -> int:
    """A positive time such as 500ms, 10s, 1m or 1d, in µs. Raises BadRequest."""
    found = _DURATION.fullmatch(text)
    micros = int(found[1]) * _UNITS_US[found[2]] if found else 0
    if not 0 < micros <= _MOST_US:
        expected = "expected a positive number with ms, s, m, h, d or w, such as 10s"
        raise BadRequest("bad_duration", f"{where} is {shortened(text)}, {expected}", where)
    return micros


def field_of(name: str, where: str) -> str:
    """The column or path in metadata that a name means, as in a query. Raises BadRequest."""
    column = column_of(name)
    if column in KEYWORDS[1:]:
        return column
    path = path_of(name)
    if column is not None or "" in path or len(path) > MAX_PATH_PARTS or len(name) > _LONGEST_FIELD:
        expected = f"expected {', '.join(KEYWORDS[1:])}, or up to {MAX_PATH_PARTS} names into metadata"
        raise BadRequest("bad_field", f"{where} is {shortened(name)}, {expected}", where)
    return METADATA + ".".join(path)


async def in_body(request: web.Request) -> MultiDict[str]:
    """The parameters in the URL and in the body, a JSON object or a form. Raises BadRequest."""
    body = await whole_body(request)
    found = MultiDict(request.query)
    if not body:
        return found
    try:
        match request.content_type:
            case "application/json":
                found.extend(of_object(msgspec.json.decode(body)))
            case "application/x-www-form-urlencoded":
                found.extend(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"))
            case other:
                expected = "expected application/json or application/x-www-form-urlencoded"
                raise BadRequest("bad_content_type", f"the body is {shortened(other)}, {expected}", "content-type", 415)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadRequest("bad_body", f"the body is no {request.content_type}: {error}", "body") from error
    return found


async def whole_body(request: web.Request) -> bytes:
    """Of up to 1 MiB, which is aiohttp's limit. Raises BadRequest."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise BadRequest("bad_encoding", "the body is compressed", "content-encoding", 415)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise BadRequest("body_stalled", f"the body didn't come within {_BODY_SECONDS:g} s", "body", 408) from error


def of_object(values: object) -> MultiDict[str]:
    """The members: strings, numbers, booleans, and lists of those. A null is absent. Raises BadRequest."""
    if not isinstance(values, dict):
        raise BadRequest("bad_body", "the body is no JSON object of parameters", "body")
    found: MultiDict[str] = MultiDict()
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            match one:
                case None:
                    continue
                case bool():
                    found.add(name, "true" if one else "false")
                case str() | int() | float():
                    found.add(name, str(one))
                case _:
                    expected = "expected a string, a number, a boolean, or a list of those"
                    raise BadRequest("bad_body", f"{shortened(name)} is {type(one).__name__}, {expected}", name[:100])
    return found


def shortened(text: str) -> str:
    """For an error: quoted, and cut."""
    return repr(text if len(text) <= 100 else f"{text[:100]}…")
