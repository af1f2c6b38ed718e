"""How much rows take: what of them may be long is measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from logd.store import files
from logd.store.walk import Slice, Snapshot

#: The columns whose values may be long, and about what all others take.
LONG = ("message", "metadata")
_SHORT_BYTES = 200


def page_of(hits: pa.Table, max_bytes: int) -> pa.Table:
    """The first of them, with that by which they have so many bytes."""
    return hits.slice(0, rows_upto(bytes_of_each(hits), max_bytes))


def rows_upto(sizes: npt.NDArray[np.int64], max_bytes: int) -> int:
    """How many rows of these sizes a page of so many bytes has; one more than there are when it has room left."""
    return int(np.searchsorted(np.cumsum(sizes), max_bytes)) + 1


def bytes_of(hits: pa.Table) -> int:
    """What they take, as `page_of` counts."""
    return int(bytes_of_each(hits).sum())


def bytes_in_sql(schema: pa.Schema) -> str:
    """The same of one row."""
    lengths = [f"coalesce(strlen({name}), 0)" for name in LONG if name in schema.names]
    return " + ".join([str(_SHORT_BYTES), *lengths])


def bytes_of_each(hits: pa.Table) -> npt.NDArray[np.int64]:
    """Of each row."""
    sizes = np.full(len(hits), _SHORT_BYTES, np.int64)
    for name in LONG:
        if name in hits.schema.names:
            sizes += pc.fill_null(pc.binary_length(hits[name]), 0).to_numpy()
    return sizes


def rows_in(snapshot: Snapshot, part: Slice, schema: pa.Schema, max_bytes: int) -> int:
    """How many rows of a slice take so many bytes, at least one, if they are as long as its others."""
    if not set(LONG) & set(schema.names):
        return max(1, max_bytes // _SHORT_BYTES)
    size = sum(
        files.bytes_of(snapshot.files, stretch.segment.file, stretch.group)
        for stretch in part.stretches
        if stretch.segment is not None
    )
    size += sum(stretch.recent.table.nbytes for stretch in part.stretches if stretch.recent is not None)
    return max(1, max_bytes * part.rows // max(1, int(size)))
