"""Parsed lines for people, as a table, and for programs, as JSON lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TextIO

import orjson
import pyarrow as pa

from logd.cli.hits import as_json, printable
from logd.http.records import records

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

    def write(self, table: pa.Table, out: TextIO) -> None:
        """A row for each record."""
        found = records(table)
        with_host = bool(self._with_host) or any(record["host"] != self._host for record in found)
        heads = [head for head in _HEADS if head != "host" or with_host]
        rows = [_cells(record, heads) for record in found]
        for head, column in zip(heads, zip(*rows, strict=True), strict=False):
            self._widths[head] = max(self._widths[head], len(head), *(min(len(cell), _WIDEST) for cell in column))
        widths = [self._widths[head] for head in heads]
        if with_host != self._with_host:
            self._with_host = with_host
            rows.insert(0, [*heads, "fields"])
        out.writelines(_row(row, widths) for row in rows)


def write_json(table: pa.Table, out: TextIO) -> None:
    """A line for each record, as answers of searches have it."""
    for record in records(table):
        out.write(orjson.dumps(record).decode() + "\n")


def _cells(record: Mapping[str, Any], heads: list[str]) -> list[str]:
    names = {"time": "timestamp"}
    cells = [_text(record[names.get(head, head)]) for head in heads]
    fields = {**orjson.loads(orjson.dumps(record["metadata"])), **({"tags": record["tags"]} if record["tags"] else {})}
    return [*cells, " ".join(f"{printable(name)}={_value(value)}" for name, value in fields.items())]


def _text(value: Any) -> str:
    return "-" if value is None else printable(value).replace("\n", "\\n").replace("\t", "\\t")


def _value(value: Any) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return printable(value)
    return printable(as_json(value))


def _row(cells: list[str], widths: list[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*padded, cells[-1]]).rstrip() + "\n"
