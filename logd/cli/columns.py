"""Chosen fields of records as the columns of a table on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from logd.cli import hits
from logd.query.fields import METADATA, column_of, path_of

#: Wider cells push the rest of their own row aside, rather than that of all.
_WIDEST = 60
_NOTHING = "-"


class Columns:
    """Of a list of names with commas between them. The head stands above the first rows; columns only grow."""

    def __init__(self, fields: str) -> None:
        self._names = [name for name in dict.fromkeys(map(str.strip, fields.split(","))) if name]
        self._widths = [hits.width(name) for name in self._names]
        self._headed = False

    def rows(self, records: Sequence[Mapping[str, Any]], colour: bool) -> list[str]:
        """A line for each record."""
        cells = [[_cell(record, name) for name in self._names] for record in records]
        for column, texts in enumerate(zip(*cells, strict=True)):
            self._widths[column] = max(self._widths[column], *(min(hits.width(text), _WIDEST) for text in texts))
        found = [self._row(row, colour) for row in cells]
        if not self._headed and self._names:
            self._headed = True
            head = self._row([hits.printable(name) for name in self._names], False)
            found.insert(0, f"\x1b[1m{head}\x1b[0m" if colour else head)
        return found

    def _row(self, cells: Sequence[str], colour: bool) -> str:
        padded = [text + " " * (most - hits.width(text)) for text, most in zip(cells, self._widths, strict=True)]
        padded[-1:] = [cell.rstrip() for cell in padded[-1:]]
        if colour:
            codes = [
                hits.colour_of(cell.strip()) if column_of(name) == "level" else ""
                for name, cell in zip(self._names, padded, strict=True)
            ]
            padded = [f"\x1b[{code}m{cell}\x1b[0m" if code else cell for code, cell in zip(codes, padded, strict=True)]
        return "  ".join(padded)


def _cell(record: Mapping[str, Any], name: str) -> str:
    column = None if name.startswith(METADATA) else column_of(name)
    if column is not None or name == "metadata":
        values = [record.get(column or name)]
    else:
        values = list(_at(record.get("metadata"), path_of(name)))
    texts = [
        value if isinstance(value, str) else hits.as_json(value) for value in values if value not in (None, [], {})
    ]
    return hits.printable(", ".join(texts)).replace("\n", "\\n").replace("\t", "\\t") or _NOTHING


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What lies at the path, its parts nested or joined by dots."""
    if not path:
        yield value
    elif isinstance(value, dict):
        for taken in range(1, len(path) + 1):
            key = ".".join(path[:taken])
            if key in value:
                yield from _at(value[key], path[taken:])
