"""Metadata that Elasticsearch can't index as it is, in a form that it can: for records that it has refused, so rarely
that a line at a time doesn't matter. Answers give the metadata as it was, whatever was indexed.

    twice mended   names: blank ones and those that only dots make are `@blank`; of a name that is there twice the first
                   value is indexed, as in the embedded index; what is no Unicode is replaced
    left out       where that isn't taken either, nothing of the metadata is indexed
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from logd.backends.index.elasticsearch_body import KEPT
from logd.backends.index.elasticsearch_bulk import Stored
from logd.record import SCHEMA

_BLANK = "@blank"


async def store_mended(store: Callable[[pa.Table], Awaitable[Stored]], table: pa.Table) -> Stored:
    """Stores rows, those that aren't taken as they are in another form; `unfit` is empty then. Raises as `store`."""
    stored = await store(table)
    for mend in (mended, left_out):
        if not stored.unfit:
            break
        rows = sorted(stored.unfit)
        again = await store(mend(table.take(pa.array(rows))))
        stored.duplicates += again.duplicates
        stored.refused |= {rows[at]: reason for at, reason in again.refused.items()}
        stored.unfit = {rows[at]: reason for at, reason in again.unfit.items()}
    stored.refused |= stored.unfit
    stored.unfit = {}
    return stored


def mended(table: pa.Table) -> pa.Table:
    """The rows with names that Elasticsearch takes."""
    return _with(table, [None if text is None else _mended(text) for text in table["metadata"].to_pylist()])


def left_out(table: pa.Table) -> pa.Table:
    """The rows without what would be indexed of their metadata."""
    return _with(table, [None] * len(table))


def _with(table: pa.Table, metadata: Sequence[str | None]) -> pa.Table:
    at = SCHEMA.get_field_index("metadata")
    return table.append_column(KEPT, table["metadata"]).set_column(at, "metadata", pa.array(metadata, pa.string()))


def _mended(text: str) -> str | None:
    try:
        return msgspec.json.encode(json.loads(text, object_pairs_hook=_object, **_AS_WRITTEN)).decode()
    except (ValueError, RecursionError):
        return None


def _number(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


_AS_WRITTEN: dict[str, Any] = {"parse_int": _number, "parse_float": _number, "parse_constant": lambda text: text}


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        found.setdefault(_name(name), _value(value))
    return found


def _value(value: Any) -> Any:
    match value:
        case str():
            return _unicode(value)
        case list():
            return [_value(one) for one in value]
        case _:
            return value


def _name(name: str) -> str:
    """Dots part names: between them nothing may be blank."""
    return ".".join(part if part.strip() else _BLANK for part in _unicode(name).replace("\x00", "").split("."))


def _unicode(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
