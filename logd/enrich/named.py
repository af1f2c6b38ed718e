"""The fields that rules name, as queries do: a column, or a member of the metadata, with or without that prefix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.enrich import objects
from logd.enrich.work import Ints, Work
from logd.levels import level_of
from logd.query.fields import METADATA, column_of

#: Columns of text, or of words.
TEXTS = ("level", "service", "host", "source", "trace_id", "message")
#: What a rule may give a value. A record stays of the file that it came from.
WRITABLE = ("level", "service", "host", "trace_id", "message")
#: What a record may do without: the service says where it belongs, the message is what is searched.
REMOVABLE = ("level", "host", "source", "trace_id")
#: As parsers do; other texts stay in the metadata.
_MAX_TRACE_ID_BYTES = 128
_NUMBER = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?$"
Floats = np.ndarray[Any, np.dtype[np.float64]]


class Field:
    """One field of each record."""

    def __init__(self, name: str) -> None:
        name.encode()  # half a surrogate pair is none
        self.column = column_of(name)
        #: Of the metadata, where it is no column.
        self.member = name.removeprefix(METADATA)
        if not self.member or name == METADATA.rstrip("."):
            raise ValueError(f"{name!r} is no field")

    @property
    def writes(self) -> frozenset[str]:
        """The column that changes with it."""
        return frozenset([self.column or "metadata"])

    def json(self, work: Work, rows: Ints) -> pa.StringArray:
        """Its JSON in these rows, null where there is none."""
        if self.column is not None:
            return objects.json_of(work.column(self.column).take(pa.array(rows)))
        return objects.value_at(work.column("metadata").take(pa.array(rows)), self.member)

    def text(self, work: Work, rows: Ints) -> pa.StringArray:
        """Its text in these rows, null where there is none, or no text: an object, a list."""
        if self.column is not None:
            return work.column(self.column).take(pa.array(rows))
        return objects.text_of(objects.value_at(work.column("metadata").take(pa.array(rows)), self.member))

    def numbers(self, work: Work, rows: Ints) -> Floats:
        """Its number in these rows, nan where there is none; a text that is written as one counts."""
        texts = self.text(work, rows)
        numbers = pc.match_substring_regex(texts, _NUMBER).fill_null(False)
        found = np.full(len(rows), np.nan)
        found[numbers.to_numpy(zero_copy_only=False)] = texts.filter(numbers).cast(pa.float64())
        return found

    def absent(self, work: Work, rows: Ints) -> pa.BooleanArray:
        """Where it has no value; a null of JSON is none."""
        if self.column is not None:
            return work.column(self.column).take(pa.array(rows)).is_null()
        return pc.equal(self.json(work, rows), "null").fill_null(True)

    def usable(self, values: pa.StringArray) -> pa.StringArray:
        """JSON values as it can have them: all of them in the metadata, in a column texts; null where one can't be."""
        if self.column is None:
            return values
        texts = objects.text_of(values)
        if self.column == "level":
            encoded = texts.dictionary_encode()
            levels = [None if word is None else level_of(word) for word in encoded.dictionary.to_pylist()]
            return pa.array(levels, pa.string()).take(encoded.indices)
        if self.column == "trace_id":
            size = pc.binary_length(texts)
            good = pc.and_(pc.greater(size, 0), pc.less_equal(size, _MAX_TRACE_ID_BYTES))
            return pc.if_else(good, texts, pa.scalar(None, pa.string()))
        if self.column in ("service", "host"):
            return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
        return texts

    def put(self, work: Work, rows: Ints, values: pa.StringArray) -> None:
        """Gives it what `usable` made of values; a null changes nothing."""
        given = values.is_valid()
        rows, values = rows[given.to_numpy(zero_copy_only=False)], values.filter(given)
        if not len(rows):
            return
        if self.column is None:
            old = work.column("metadata").take(pa.array(rows))
            values = objects.with_member(old, self.member, values)
        work.put_rows(self.column or "metadata", rows, values)

    def give(self, work: Work, rows: Ints, values: pa.StringArray, overwrite: bool) -> Ints:
        """Gives it JSON values, as far as it can have them, and, unless `overwrite`, where it has none yet. Says which
        rows got one."""
        values = self.usable(values)
        gets = values.is_valid()
        if not overwrite:
            gets = pc.and_(gets, self.absent(work, rows))
        some = rows[gets.to_numpy(zero_copy_only=False)]
        self.put(work, some, values.filter(gets))
        return np.asarray(some)

    def remove(self, work: Work, rows: Ints) -> None:
        """Takes it out."""
        if self.column is not None:
            work.put_rows(self.column, rows, pa.nulls(len(rows), pa.string()))
            return
        old = work.column("metadata").take(pa.array(rows))
        work.put_rows("metadata", rows, objects.without(old, self.member))


def field_of(name: str, columns: tuple[str, ...], what: str) -> Field:
    """A field by name, which is in the metadata or one of the columns. Raises ValueError."""
    field = Field(name)
    if field.column is not None and field.column not in columns:
        raise ValueError(f"{what} has {name!r}, which can't be, expected {', '.join(columns)}, or a field of metadata")
    return field
