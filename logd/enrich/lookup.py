"""Fields that a CSV file knows by one of a record's: a customer's name by its number, a team by its service."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logd.enrich.named import TEXTS, WRITABLE, field_of
from logd.enrich.objects import json_of
from logd.enrich.work import Ints, Work

log = logging.getLogger("logd.enrich")
#: A look at a file costs microseconds; people don't wait for a second.
_LOOK_SECONDS = 1.0
#: What is held in memory, as texts: a million rows of a hundred bytes.
MAX_BYTES = 128 * 1024 * 1024
#: What a file was when it was read.
_State = tuple[int, int, int]


class _Rows(msgspec.Struct, frozen=True):
    """`columns` are JSON, a value for each key; empty cells are null."""

    keys: pa.StringArray
    columns: dict[str, pa.StringArray]


class Lookup:
    """Gives records what the file's row has: the first one whose key is their field's text. The file is read again when
    it changes; if that fails, what was read before goes on."""

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
        self._file, self._key, self._columns = Path(file), key, columns
        self._field = field_of(field, TEXTS, "field")
        self._overwrite = overwrite
        self._now = now
        self._state = self._stat()
        self._rows = self._read()
        self._looked = now()
        self._columns = list(self._rows.columns)
        self._fields = {name: field_of(prefix + name, WRITABLE, "columns") for name in self._columns}
        self.writes = frozenset[str]().union(*(one.writes for one in self._fields.values()))

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        if self._now() - self._looked >= _LOOK_SECONDS:
            self._look()
        texts = self._field.text(work, rows)
        place = pc.index_in(texts, value_set=self._rows.keys, skip_nulls=True)
        found = place.is_valid()
        some, place = rows[found.to_numpy(zero_copy_only=False)], place.filter(found)
        if not len(some):
            return
        for name, field in self._fields.items():
            values = field.usable(self._rows.columns[name].take(place))
            gives = values.is_valid()
            if not self._overwrite:
                gives = pc.and_(gives, field.absent(work, some))
            field.put(work, some[gives.to_numpy(zero_copy_only=False)], values.filter(gives))

    def _look(self) -> None:
        self._looked = self._now()
        state = self._stat()
        if state == self._state:
            return
        self._state = state  # also of one that can't be used: it is said once
        try:
            self._rows = self._read()
        except ValueError as error:
            log.warning("a lookup goes on with what was read before: %s", error)
        else:
            log.info("%s has changed and was read again: %d rows", self._file, len(self._rows.keys))

    def _stat(self) -> _State | None:
        """None when it isn't there."""
        try:
            found = self._file.stat()
        except (OSError, ValueError):
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> _Rows:
        where = f"file {str(self._file)!r}"
        if self._state is not None and self._state[1] > MAX_BYTES:
            raise ValueError(f"{where} has {self._state[1]} bytes, expected at most {MAX_BYTES}")
        try:
            with self._file.open(encoding="utf-8-sig", newline="") as opened:
                reader = csv.reader(opened, strict=True)
                names = next(reader, [])
                for name in (self._key, *self._columns):
                    if name not in names:
                        raise ValueError(f"{where} has no column {name!r}, only {', '.join(names) or 'nothing'}")
                if len(set(names)) < len(names):
                    raise ValueError(f"{where} has a column twice")
                lines = [line for line in reader if line]
        except (OSError, UnicodeError, csv.Error) as error:
            raise ValueError(f"{where} can't be read: {_reason(error)}") from None
        uneven = next((number for number, line in enumerate(lines, 2) if len(line) != len(names)), None)
        if uneven is not None:
            raise ValueError(f"{where}, row {uneven}, has {len(lines[uneven - 2])} values, expected {len(names)}")
        place = names.index(self._key)
        lines = list({line[place]: line for line in reversed(lines)}.values())  # of a key, the first row
        cells = dict(zip(names, zip(*lines, strict=True), strict=True)) if lines else dict.fromkeys(names, ())
        wanted = self._columns or [name for name in names if name != self._key and name]
        columns = {name: json_of(pa.array([cell or None for cell in cells[name]], pa.string())) for name in wanted}
        return _Rows(pa.array(cells[self._key], pa.string()), columns)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
