"""Rules that change fields: set, rename, copy, remove."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.config.globs import compile_globs
from logd.enrich import objects
from logd.enrich.named import REMOVABLE, TEXTS, WRITABLE, Field, field_of
from logd.enrich.work import Ints, Work
from logd.levels import LEVELS, level_of

_GLOB = re.compile(r"[*?\[]")


class Set:
    """Fields with the same value for every record. `tags` are added to a record's own, or replace them."""

    def __init__(self, fields: Mapping[str, Any], overwrite: bool) -> None:
        self._overwrite = overwrite
        self._tags: Sequence[str] = ()
        self._values: list[tuple[Field, str]] = []
        for name, value in fields.items():
            if name == "tags":
                self._tags = _tags(value)
                continue
            field = field_of(name, WRITABLE, "fields")
            if field.column is not None:
                _check_text(field.column, value)
            self._values.append((field, _json(name, value)))
        tags = [frozenset(["tags"])] if self._tags else []
        self.writes = frozenset[str]().union(*(field.writes for field, _ in self._values), *tags)

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        for field, value in self._values:
            some = rows
            if not self._overwrite:
                some = rows[field.absent(work, rows).to_numpy(zero_copy_only=False)]
            field.put(work, some, field.usable(pa.array([value], pa.string())).take(_zeros(len(some))))
        if self._tags:
            work.put_rows("tags", rows, self._tagged(work.column("tags").take(pa.array(rows))))

    def _tagged(self, old: pa.ListArray) -> pa.ListArray:
        added = pa.array([self._tags], pa.list_(pa.string()))
        if self._overwrite or old.null_count == len(old):
            return added.take(_zeros(len(old)))
        tags = [old.flatten()]
        row = [np.repeat(np.arange(len(old)), pc.list_value_length(old).fill_null(0).to_numpy(zero_copy_only=False))]
        for tag in self._tags:
            has = np.zeros(len(old), bool)
            has[row[0][pc.equal(tags[0], tag).fill_null(False).to_numpy(zero_copy_only=False)]] = True
            row.append(np.flatnonzero(~has))
            tags.append(pa.repeat(pa.scalar(tag), len(row[-1])))
        rows = np.concatenate(row)
        order = np.argsort(rows, kind="stable")
        starts = np.searchsorted(rows[order], np.arange(len(old) + 1)).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(starts), pa.concat_arrays(tags).take(pa.array(order)))


class Move:
    """Fields under other names: each is renamed, or copied. One whose new name is taken, or can't have it, stays."""

    def __init__(self, names: Mapping[str, Any], overwrite: bool, keeps: bool) -> None:
        self._overwrite = overwrite
        self._keeps = keeps
        self._pairs: list[tuple[Field, Field]] = []
        for old, new in names.items():
            if not isinstance(new, str) or not new:
                raise ValueError(f"fields has {old!r} = {new!r}, expected the new name")
            pair = (field_of(old, TEXTS if keeps else REMOVABLE, "fields"), field_of(new, WRITABLE, "fields"))
            if pair[0].column == pair[1].column and (pair[0].column or pair[0].member == pair[1].member):
                raise ValueError(f"fields has {old!r} = {new!r}, expected another name")
            self._pairs.append(pair)
        changed = [field.writes for pair in self._pairs for field in (pair[1:] if keeps else pair)]
        self.writes = frozenset[str]().union(*changed)

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        for old, new in self._pairs:
            some = rows
            if old.column is None and new.column is None and not self._keeps:
                some = self._renamed(work, rows, old, new)
            self._move(work, some, old, new)

    def _renamed(self, work: Work, rows: Ints, old: Field, new: Field) -> Ints:
        """Renames members of the metadata in one go where that is easy; the rows where it isn't."""
        made, done = objects.renamed(work.column("metadata").take(pa.array(rows)), old.member, new.member)
        work.put_rows("metadata", rows[done], made.filter(pa.array(done)))
        return rows[~done]

    def _move(self, work: Work, rows: Ints, old: Field, new: Field) -> None:
        values = new.usable(old.json(work, rows))
        moves = values.is_valid()
        if not self._overwrite:
            moves = pc.and_(moves, new.absent(work, rows))
        some = rows[moves.to_numpy(zero_copy_only=False)]
        if not len(some):
            return
        if not self._keeps:
            old.remove(work, some)
        new.put(work, some, values.filter(moves))


class Remove:
    """Fields by name, or the metadata's by a glob of their whole names."""

    def __init__(self, names: Sequence[str]) -> None:
        globs = [name.removeprefix("metadata.") for name in names if _GLOB.search(name)]
        self._fields = [field_of(name, REMOVABLE, "names") for name in names if not _GLOB.search(name)]
        self._globs = compile_globs("names", globs)
        metadata = [frozenset(["metadata"])] if globs else []
        self.writes = frozenset[str]().union(*(field.writes for field in self._fields), *metadata)

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        for field in self._fields:
            field.remove(work, rows)
        if self._globs is not None:
            old = work.column("metadata").take(pa.array(rows))
            work.put_rows("metadata", rows, objects.without_all(old, self._globs))


def _zeros(count: int) -> pa.Array:
    return pa.repeat(0, count)


def _tags(value: Any) -> Sequence[str]:
    if not isinstance(value, list) or not value or not all(isinstance(tag, str) and tag for tag in value):
        raise ValueError(f"fields.tags is {value!r}, expected a list of texts")
    return list(dict.fromkeys(value))


def _check_text(column: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"fields.{column} is {value!r}, expected a text")
    if column == "level" and level_of(value) is None:
        raise ValueError(f"fields.level is {value!r}, expected one of {', '.join(LEVELS)}")


def _has_infinite(value: Any) -> bool:
    """Whether there is no number, or infinity, somewhere in it."""
    match value:
        case float():
            return not math.isfinite(value)
        case dict():
            return any(map(_has_infinite, value.values()))
        case list():
            return any(map(_has_infinite, value))
    return False


def _json(name: str, value: Any) -> str:
    """As it stands in the metadata."""
    if _has_infinite(value):
        raise ValueError(f"fields.{name} is {value}, which JSON can't have")
    if isinstance(value, datetime.date | datetime.time):
        value = value.isoformat()
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"fields.{name}: {error}") from None
