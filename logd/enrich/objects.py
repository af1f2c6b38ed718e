"""The members of JSON objects in a column of text: read, added and taken out, all other bytes as they were.

    texts ── quotes, brackets, commas and colons outside of strings ── the members of each, as slices of the bytes

There is no Python by object: numpy finds the few bytes that matter, Arrow cuts and joins. Only distinct names are read
one by one. A name with dots, `a.b`, is a member of that name, or the member b of an object a; it is written as the
former, which a query finds alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
_QUOTE, _BACKSLASH, _COLON, _COMMA, _OPEN, _CLOSE = b'"\\:,{}'
_STRUCTURE = np.zeros(256, bool)
_STRUCTURE[list(b'{}[]:,"')] = True
_STEP = np.zeros(256, np.int8)
_STEP[list(b"{[")] = 1
_STEP[list(b"}]")] = -1
#: Nobody nests a field's name deeper; each part is a look for more.
_MAX_PARTS = 8


class Members(msgspec.Struct, frozen=True):
    """Of some objects, in order: `row` is the object's place, `name` an index into `names`, which are decoded; `keys`
    are those as they are written, with quotes; `values` are JSON as it is written."""

    row: Ints
    name: Ints
    names: Sequence[str]
    keys: pa.StringArray
    values: pa.StringArray

    def of(self, wanted: Callable[[str], bool]) -> Bools:
        """Which members have such a name."""
        return np.array([*map(wanted, self.names), False], bool)[self.name]


def split(objects: pa.StringArray) -> Members:
    """The members of valid JSON objects, none null. Raises ValueError when one is no object."""
    data, offsets = _bytes(objects)
    at = np.flatnonzero(_STRUCTURE[data])
    kind = data[at]
    quote = kind == _QUOTE
    if (data == _BACKSLASH).any():
        quote &= ~_escaped(data, at)
    outside = (np.cumsum(quote) % 2 == 0) & (kind != _QUOTE)
    at, kind = at[outside], kind[outside]
    step = _STEP[kind]
    depth = np.cumsum(step, dtype=np.int64)
    within = depth - (step > 0)  # of a bracket, how deep it stands
    opens, closes = at[(kind == _OPEN) & (within == 0)], at[(kind == _CLOSE) & (depth == 0)]
    if len(opens) != len(objects) or len(closes) != len(objects) or not (opens >= offsets[:-1]).all():
        raise ValueError("metadata has a text that is no JSON object")
    top = np.where(step == 0, depth == 1, within == 0)
    at, kind = at[top], kind[top]
    bound = at[kind != _COLON]
    begins = kind[kind != _COLON] != _CLOSE
    first, last = bound[:-1][begins[:-1]] + 1, bound[1:][begins[:-1]]
    colons = at[kind == _COLON]
    place = np.searchsorted(colons, first)
    some = place < len(colons)
    some[some] = colons[place[some]] < last[some]  # an empty object has no colon
    first, last, colon = first[some], last[some], colons[place[some]]
    keys = _cut(data, first, colon).dictionary_encode()
    names = [_decoded(key) for key in keys.dictionary.to_pylist()]
    row = np.searchsorted(offsets, first, side="right") - 1
    codes = keys.indices.to_numpy().astype(np.int64)
    return Members(row, codes, names, keys.dictionary, _cut(data, colon + 1, last))


def join(members: Members, count: int) -> pa.StringArray:
    """`count` objects of members, which are in order of row; null for one without any."""
    texts = pc.binary_join_element_wise(members.keys.take(pa.array(members.name)), members.values, ":")
    starts = np.searchsorted(members.row, np.arange(count + 1)).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(starts), texts)
    whole = pc.binary_join_element_wise("{", pc.binary_join(lists, ","), "}", "")
    return pc.if_else(pa.array(np.diff(starts) > 0), whole, pa.scalar(None, pa.string()))


def value_at(objects: pa.StringArray, name: str) -> pa.StringArray:
    """The JSON of a member in each object, null where there is none; the one of the whole name before nested ones."""
    rows = _suspects(objects, name)
    if not len(rows):
        return pa.nulls(len(objects), pa.string())
    found = _value_at(objects.take(pa.array(rows)), name, _MAX_PARTS)
    return placed(pa.nulls(len(objects), pa.string()), rows, found)


def without(objects: pa.StringArray, name: str) -> pa.StringArray:
    """The objects without a member, wherever its name finds one; null where nothing else was in it."""
    rows = _suspects(objects, name)
    if not len(rows):
        return objects
    return placed(objects, rows, _without(objects.take(pa.array(rows)), name, _MAX_PARTS))


def without_all(objects: pa.StringArray, pattern: re.Pattern[str]) -> pa.StringArray:
    """… without the members whose whole names match."""
    rows = np.flatnonzero(objects.is_valid())
    if not len(rows):
        return objects
    members = split(objects.take(pa.array(rows)))
    gone = members.of(lambda name: pattern.fullmatch(name) is not None)
    if not gone.any():
        return objects
    touched = np.unique(members.row[gone])
    kept = join(_some(members, ~gone), len(rows))
    return placed(objects, rows[touched], kept.take(pa.array(touched)))


def with_member(objects: pa.StringArray, name: str, values: pa.StringArray) -> pa.StringArray:
    """The objects with a member of this whole name, whose JSON is given for each; a null changes nothing. One that is
    there keeps its place and loses its value."""
    given = values.is_valid().to_numpy(zero_copy_only=False)
    key = json.dumps(name, ensure_ascii=False)
    rows = np.flatnonzero(given)
    if not len(rows):
        return objects
    old, new = objects.take(pa.array(rows)), values.take(pa.array(rows))
    member = pc.binary_join_element_wise(key, new, ":")
    appended = pc.binary_join_element_wise(pc.binary_slice(old.cast(pa.binary()), 0, -1).cast(pa.string()), member, ",")
    made = pc.coalesce(appended, pc.binary_join_element_wise("{", member, ""))
    made = pc.binary_join_element_wise(made, "}", "")
    there = np.union1d(_suspects(old, name), np.flatnonzero(pc.equal(old, "{}").fill_null(False)))
    if len(there):
        some = split(old.take(pa.array(there)))
        made = placed(made, there, _put(some, key, name, new.take(pa.array(there))))
    return placed(objects, rows, made)


def renamed(objects: pa.StringArray, old: str, new: str) -> tuple[pa.StringArray, Bools]:
    """The objects in which a member of the whole name `old` has the name `new` now, at its place; and which these are:
    those with one such member, and nothing else that one of the names may mean."""
    done = np.zeros(len(objects), bool)
    rows = _suspects(objects, old)
    if not len(rows):
        return objects, done
    members = split(objects.take(pa.array(rows)))
    wanted = members.of(lambda name: name == old)
    others = {way for name in (old, new) for way, _ in _ways(name, _MAX_PARTS)} - {old}
    counts = np.bincount(members.row[wanted], minlength=len(rows))
    counts[members.row[members.of(others.__contains__)]] = 0
    easy = np.flatnonzero(counts == 1)
    done[rows[easy]] = True
    keys = pa.concat_arrays([members.keys, pa.array([json.dumps(new, ensure_ascii=False)], pa.string())])
    codes = np.where(wanted, len(members.keys), members.name)
    made = join(msgspec.structs.replace(members, keys=keys, name=codes), len(rows))
    return placed(objects, rows[easy], made.take(pa.array(easy))), done


def text_of(values: pa.StringArray) -> pa.StringArray:
    """What JSON scalars are as text: strings decoded, numbers and booleans as they are written. Null for null, objects
    and arrays."""
    is_string = pc.starts_with(values, '"')
    plain = pc.if_else(pc.match_substring_regex(values, r"^[-0-9tf]"), values, pa.scalar(None, pa.string()))
    cut = pc.binary_slice(values.cast(pa.binary()), 1, -1).cast(pa.string())
    texts = pc.if_else(is_string, cut, plain)
    escaped = pc.and_(is_string, pc.match_substring(values, "\\")).fill_null(False)
    if pc.any(escaped).as_py():
        encoded = values.filter(escaped).dictionary_encode()
        read = pa.array([_decoded(text) for text in encoded.dictionary.to_pylist()], pa.string())
        texts = pc.replace_with_mask(texts, escaped, read.take(encoded.indices))
    return texts


def json_of(texts: pa.StringArray) -> pa.StringArray:
    """JSON strings of texts; null for null."""
    made = pc.binary_join_element_wise('"', texts, '"', "")
    escaped = pc.match_substring_regex(texts, r'["\\\x00-\x1f]').fill_null(False)
    if pc.any(escaped).as_py():
        some = [json.dumps(text, ensure_ascii=False) for text in texts.filter(escaped).to_pylist()]
        made = pc.replace_with_mask(made, escaped, pa.array(some, pa.string()))
    return made


def placed(column: pa.Array, rows: Ints, new: pa.Array) -> pa.Array:
    """The column with `new` in the rows, which ascend."""
    if len(rows) == len(column):
        return new
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), new)


def _value_at(objects: pa.StringArray, name: str, parts: int) -> pa.StringArray:
    """Of objects without nulls."""
    members = split(objects)
    found = pa.nulls(len(objects), pa.string())
    for whole, below in reversed(list(_ways(name, parts))):  # the last one counts
        at = np.flatnonzero(members.of(lambda one, whole=whole: one == whole))  # type: ignore[misc]
        values = members.values.take(pa.array(at))
        if below:
            at, values = _objects(at, values)
            values = _value_at(values, below, parts - 1)
        elif len(at) > 1:  # of a name that is there twice, the first
            at = at[np.unique(members.row[at], return_index=True)[1]]
            values = members.values.take(pa.array(at))
        some = np.flatnonzero(values.is_valid())
        if below and len(some):
            some = some[np.unique(members.row[at[some]], return_index=True)[1]]
        found = placed(found, members.row[at[some]], values.take(pa.array(some)))
    return found


def _without(objects: pa.StringArray, name: str, parts: int) -> pa.StringArray:
    members = split(objects)
    gone = np.zeros(len(members.row), bool)
    values = members.values
    changed = gone
    for whole, below in _ways(name, parts):
        here = members.of(lambda one, whole=whole: one == whole)  # type: ignore[misc]
        if not below:
            gone = gone | here
            continue
        at, inner = _objects(np.flatnonzero(here), values.take(pa.array(np.flatnonzero(here))))
        left = pc.coalesce(_without(inner, below, parts - 1), "{}")
        differs = pc.not_equal(left, inner).to_numpy(zero_copy_only=False)
        values = placed(values, at[differs], left.filter(pa.array(differs)))
        changed = changed.copy()
        changed[at[differs]] = True
    touched = np.unique(members.row[gone | changed])
    if not len(touched):
        return objects
    made = join(_some(msgspec.structs.replace(members, values=values), ~gone), len(objects))
    return placed(objects, touched, made.take(pa.array(touched)))


def _put(members: Members, key: str, name: str, new: pa.StringArray) -> pa.StringArray:
    """The objects with a member at its place, or at the end where there is none."""
    here = members.of(lambda one: one == name)
    rows = np.arange(len(new))
    there = np.isin(rows, members.row[here])
    values = placed(members.values, np.flatnonzero(here), new.take(pa.array(members.row[here])))
    keys = pa.concat_arrays([members.keys, pa.array([key], pa.string())])
    row = np.concatenate([members.row, rows[~there]])
    order = np.argsort(row, kind="stable")
    codes = np.concatenate([members.name, np.full(int((~there).sum()), len(keys) - 1)])
    values = pa.concat_arrays([values, new.filter(pa.array(~there))])
    whole = Members(row[order], codes[order], [*members.names, name], keys, values.take(pa.array(order)))
    return join(whole, len(new))


def _ways(name: str, parts: int) -> Sequence[tuple[str, str]]:
    """A member's name and what is to be found in it: the whole name first, then its beginnings."""
    dots = [place for place, letter in enumerate(name) if letter == "."][: parts - 1]
    return [(name, ""), *((name[:dot], name[dot + 1 :]) for dot in dots if name[dot + 1 :])]


def _objects(at: Ints, values: pa.StringArray) -> tuple[Ints, pa.StringArray]:
    is_object = pc.starts_with(values, "{")
    return at[is_object.to_numpy(zero_copy_only=False)], values.filter(is_object)


def _some(members: Members, mask: Bools) -> Members:
    return Members(
        members.row[mask], members.name[mask], members.names, members.keys, members.values.filter(pa.array(mask))
    )


def _suspects(objects: pa.StringArray, name: str) -> Ints:
    """The objects that may have the name: its last part stands before a quote, unless something is escaped."""
    last = json.dumps(name.rpartition(".")[2], ensure_ascii=False)[1:]
    mask = pc.or_(pc.match_substring(objects, last), pc.match_substring(objects, "\\"))
    return np.flatnonzero(mask.fill_null(False))


def _bytes(objects: pa.StringArray) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], Ints]:
    """The bytes of all, and where each begins in them, and the last ends."""
    _, where, content = objects.buffers()
    if not len(objects) or content is None:
        return np.zeros(0, np.uint8), np.zeros(len(objects) + 1, np.int64)
    offsets = np.frombuffer(where, np.int32)[objects.offset : objects.offset + len(objects) + 1].astype(np.int64)
    return np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0]


def _escaped(data: np.ndarray[Any, np.dtype[np.uint8]], at: Ints) -> Bools:
    """After an odd number of backslashes."""
    backslashes = np.flatnonzero(data == _BACKSLASH)
    begins = np.append(True, np.diff(backslashes) > 1)
    start, end = backslashes[begins], backslashes[np.append(begins[1:], True)] + 1
    return np.isin(at, end[(end - start) % 2 == 1])


def _cut(data: np.ndarray[Any, np.dtype[np.uint8]], start: Ints, end: Ints) -> pa.StringArray:
    """The slices, in order and apart, without white space around them."""
    cuts = np.empty(2 * len(start) + 1, np.int32)
    cuts[0], cuts[1::2], cuts[2::2] = 0, start, end
    pieces = pa.StringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), pa.py_buffer(data))
    found = pieces.take(pa.array(np.arange(1, len(cuts) - 1, 2)))
    if len(start) and (data[start] <= 32).any() | (data[end - 1] <= 32).any():
        found = pc.utf8_trim(found, " \t\r\n")
    return found


def _decoded(text: str) -> str:
    """A JSON string; half characters become U+FFFD."""
    read: str = json.loads(text, strict=False)
    return read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
