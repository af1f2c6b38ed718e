"""Fields that a CSV file knows by one of a record's: a customer's name by its number, a team by its service."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa

from logd.enrich.named import TEXTS, WRITABLE, field_of
from logd.enrich.objects import json_of
from logd.enrich.watched import Watched, unreadable
from logd.enrich.work import Ints, Work

#: It is held in memory, some three times as large: a million rows of a hundred bytes.
MAX_BYTES = 128 * 1024 * 1024


class Rows(msgspec.Struct, frozen=True):
    """Of a file: `places` has each key's place in `columns`, which are JSON; empty cells are null. A dict, as Arrow
    would hash all keys anew for every batch."""

    places: dict[str | None, int]
    columns: dict[str, pa.StringArray]


class Lookup:
    """Gives records what the file's row has: the first one whose key is their field's text."""

    def __init__(
        self,
        file: str,
        key: str,
        field: str,
        columns: Sequence[str],
        prefix: str,
        overwrite: bool,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ValueError when the file can't be used."""
        self._key, self._columns = key, columns
        self._field = field_of(field, TEXTS, "field")
        self._overwrite = overwrite
        self._file = Watched(file, lambda path: read(path, self._key, self._columns), now)
        self._columns = list(self._file.current().columns)
        self._fields = {name: field_of(prefix + name, WRITABLE, "columns") for name in self._columns}
        self.writes = frozenset[str]().union(*(one.writes for one in self._fields.values()))

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        known = self._file.current()
        texts = self._field.text(work, rows).dictionary_encode()
        places = pa.array([known.places.get(text) for text in texts.dictionary.to_pylist()], pa.int64())
        place = places.take(texts.indices)
        found = place.is_valid()
        some, place = rows[found.to_numpy(zero_copy_only=False)], place.filter(found)
        if not len(some):
            return
        for name, field in self._fields.items():
            field.give(work, some, known.columns[name].take(place), self._overwrite)


def read(file: Path, key: str, columns: Sequence[str]) -> Rows:
    """The file's rows by a column; none of `columns` are all. Raises ValueError."""
    where = f"file {str(file)!r}"
    try:
        if not file.is_file() and file.exists():
            raise ValueError(f"{where} is no file")  # a device may never end
        if (size := file.stat().st_size) > MAX_BYTES:
            raise ValueError(f"{where} has {size} bytes, expected at most {MAX_BYTES}")
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True)
            names = next(reader, [])
            lines = [line for line in reader if line]
    except (OSError, UnicodeError, csv.Error) as error:
        raise unreadable(file, error) from None
    for name in (key, *columns):
        if name not in names:
            raise ValueError(f"{where} has no column {name!r}, only {', '.join(names) or 'nothing'}")
    if len(set(names)) < len(names):
        raise ValueError(f"{where} has a column twice")
    uneven = next((number for number, line in enumerate(lines, 2) if len(line) != len(names)), None)
    if uneven is not None:
        raise ValueError(f"{where}, row {uneven}, has {len(lines[uneven - 2])} values, expected {len(names)}")
    place = names.index(key)
    lines = list({line[place]: line for line in reversed(lines)}.values())  # of a key, the first row
    cells = dict(zip(names, zip(*lines, strict=True), strict=True)) if lines else dict.fromkeys(names, ())
    wanted = columns or [name for name in names if name != key and name]
    found = {name: json_of(pa.array([cell or None for cell in cells[name]], pa.string())) for name in wanted}
    return Rows({text: place for place, text in enumerate(cells[key])}, found)
