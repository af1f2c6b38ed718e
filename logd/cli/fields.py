"""Parsed lines for people, as a table, and for programs, as JSON lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import orjson

from logd.cli.hits import as_json, printable, width
from logd.http.records import records
from logd.parse.columns import Parsed

_HEADS = ("time", "level", "service", "host", "message")
#: Wider cells push the rest of their own row aside, rather than that of all.
_WIDEST = 60
#: A text that is told from numbers, words and the next field without quotes.
_BARE = re.compile(r"(?!(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\Z)[^\s\"={}\[\]]+")


class Table:
    """Writes tables below one another, under one head unless another column is needed. The column of hosts is only
    there when one isn't `host`."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._with_host: bool | None = None
        self._widths = dict.fromkeys(_HEADS, 0)

    def write(self, parsed: Parsed, out: TextIO) -> None:
        """A row for each record."""
        found = records(parsed.table)
        left_out = fates(parsed)
        with_host = bool(self._with_host) or any(record["host"] != self._host for record in found)
        heads = [head for head in _HEADS if head != "host" or with_host]
        rows = [_cells(record, heads, left_out.get(row, "")) for row, record in enumerate(found)]
        for head, column in zip(heads, zip(*rows, strict=True), strict=False):
            self._widths[head] = max(self._widths[head], len(head), *(min(width(cell), _WIDEST) for cell in column))
        widths = [self._widths[head] for head in heads]
        if with_host != self._with_host:
            self._with_host = with_host
            rows.insert(0, [*heads, "fields"])
        out.writelines(_row(row, widths) for row in rows)


def write_json(parsed: Parsed, out: TextIO) -> None:
    """A line for each record, as answers of searches have it; those that rules leave out say so."""
    left_out = fates(parsed)
    for row, record in enumerate(records(parsed.table)):
        more = {"left_out": left_out[row]} if row in left_out else {}
        out.write(orjson.dumps({**record, **more}).decode() + "\n")


def fates(parsed: Parsed) -> dict[int, str]:
    """`dropped by NAME` or `sampled by NAME`, of rows that rules leave out."""
    return {row: fate(what, rule) for (what, rule), rows in parsed.left_out.items() for row in rows.tolist()}


def fate(what: str, rule: str) -> str:
    """What a rule has done, in words."""
    return f"{what} by {printable(rule)}"


def pairs_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Its fields and tags, as they are written."""
    fields = {**orjson.loads(orjson.dumps(record["metadata"])), **({"tags": record["tags"]} if record["tags"] else {})}
    for name, value in fields.items():
        yield flat(name), _value(value)


def _cells(record: Mapping[str, Any], heads: list[str], fate: str) -> list[str]:
    names = {"time": "timestamp"}
    cells = [_text(record[names.get(head, head)]) for head in heads]
    fields = " ".join(f"{name}={value}" for name, value in pairs_of(record))
    return [*cells, f"({fate}) {fields}" if fate else fields]


def _text(value: Any) -> str:
    return "-" if value is None else flat(value)


def flat(text: str) -> str:
    """In one line."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _value(value: Any) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return printable(value)
    return printable(as_json(value))


def _row(cells: list[str], widths: list[int]) -> str:
    padded = [cell + " " * (least - width(cell)) for cell, least in zip(cells, widths, strict=False)]
    return "  ".join([*padded, cells[-1]]).rstrip() + "\n"
