"""Where an address is, and whose network, from a MaxMind database (mmdb) that the user has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from logd.enrich.named import TEXTS, WRITABLE, field_of
from logd.enrich.watched import Watched, unreadable
from logd.enrich.work import Ints, Work

#: Of different addresses, some hundred bytes each: what clients come again is answered from here.
_MAX_KNOWN = 100_000
#: The Elastic common schema's names, and where City, Country and ASN databases have it.
FIELDS: Mapping[str, tuple[str | int, ...]] = {
    "geo.continent_code": ("continent", "code"),
    "geo.country_iso_code": ("country", "iso_code"),
    "geo.country_name": ("country", "names", "en"),
    "geo.region_iso_code": ("subdivisions", 0, "iso_code"),
    "geo.region_name": ("subdivisions", 0, "names", "en"),
    "geo.city_name": ("city", "names", "en"),
    "geo.postal_code": ("postal", "code"),
    "geo.timezone": ("location", "time_zone"),
    "geo.location.lat": ("location", "latitude"),
    "geo.location.lon": ("location", "longitude"),
    "as.number": ("autonomous_system_number",),
    "as.organization.name": ("autonomous_system_organization",),
}


class Geoip:
    """Gives records what the database knows of the address in a field. Each different address of a batch is looked up
    once, and remembered."""

    def __init__(
        self,
        file: str,
        field: str,
        columns: Sequence[str],
        prefix: str,
        overwrite: bool,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`columns` are of FIELDS, none are all. Raises ValueError when the database, or its reader, can't be had."""
        for name in columns:
            if name not in FIELDS:
                raise ValueError(f"columns has {name!r}, expected some of {', '.join(FIELDS)}")
        self._field = field_of(field, TEXTS, "field")
        self._fields = {name: field_of(prefix + name, WRITABLE, "prefix") for name in columns or FIELDS}
        self._overwrite = overwrite
        self._known: dict[str | None, Mapping[str, str]] = {}
        self._file = Watched(file, self._read, now)
        self.writes = frozenset[str]().union(*(one.writes for one in self._fields.values()))

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        reader = self._file.current()
        addresses = self._field.text(work, rows).dictionary_encode(null_encoding="encode")
        distinct = addresses.dictionary.to_pylist()
        if len(self._known) + len(distinct) > _MAX_KNOWN:
            self._known.clear()
        for address in distinct:
            if address not in self._known:
                self._known[address] = self._found(reader, address)
        found = [self._known[address] for address in distinct]
        for name, field in self._fields.items():
            values = pa.array([one.get(name) for one in found], pa.string())
            if values.null_count < len(values):
                field.give(work, rows, values.take(addresses.indices), self._overwrite)

    def _read(self, path: Path) -> Any:
        """The open database. A new one knows other things."""
        try:
            import maxminddb
        except ImportError:
            raise ValueError("it needs the package maxminddb, which comes with logd's extra geoip") from None
        try:
            reader = maxminddb.open_database(path)
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            raise unreadable(path, error) from None
        self._known.clear()
        return reader

    def _found(self, reader: Any, address: str | None) -> Mapping[str, str]:
        """What it has, as JSON, by name; nothing for what is no address."""
        try:
            record = None if address is None else reader.get(address.strip())
        except (ValueError, OSError):
            return {}
        values = {name: _at(record, FIELDS[name]) for name in self._fields}
        return {name: json.dumps(value, ensure_ascii=False) for name, value in values.items() if value is not None}


def _at(record: Any, path: Sequence[str | int]) -> str | int | float | None:
    for key in path:
        match record:
            case dict() if isinstance(key, str):
                record = record.get(key)
            case list() if isinstance(key, int) and key < len(record):
                record = record[key]
            case _:
                return None
    return record if isinstance(record, str | int | float) else None
