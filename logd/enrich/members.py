"""The values in a column of JSON objects, as texts of their own, and the column with other values.

Quotes that no backslash escapes alternate: a string's first, its last. A string before a colon is a key. What is no
string and begins as a number is one. So the bytes of the whole column tell where all values are; only strings with
escapes are read as JSON, in one call. `true`, `false`, `null` are no values here.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.enrich.spans import Ints, content_of, cut, offsets_of, splice

Bools = np.ndarray[Any, np.dtype[np.bool_]]
_QUOTE, _BACKSLASH, _COLON = b'"\\:'
#: What kind a byte is outside of strings.
_BLANK, _NUMERIC, _STARTS, _OPENS, _CLOSES = 1, 2, 4, 8, 16
_KIND = np.zeros(256, np.uint8)
for _bytes, _kind in (
    (b" \t\r\n", _BLANK),
    (b"0123456789-", _NUMERIC | _STARTS),
    (b"+.eE", _NUMERIC),
    (b"{[", _OPENS),
    (b"}]", _CLOSES),
):
    _KIND[list(_bytes)] = _kind


class Members(msgspec.Struct, frozen=True):
    """The values, in order: `texts` without escapes, where they are, and their keys: `names` the last before a value,
    `tops` the object's own that it is below."""

    texts: pa.StringArray
    names: pa.StringArray
    tops: pa.StringArray
    start: Ints
    end: Ints
    number: Bools
    escaped: Bools

    def __len__(self) -> int:
        return len(self.start)


def members(objects: pa.StringArray) -> Members:
    """The values of all objects, which have no nulls. A text that is no JSON, as its quotes tell, is one value."""
    content = content_of(objects)
    offsets = offsets_of(objects) - offsets_of(objects)[0]
    quotes = _quotes(content)
    odd = np.flatnonzero(np.diff(np.searchsorted(quotes, offsets)) % 2)
    if len(odd):
        row = np.searchsorted(offsets, quotes, side="right") - 1
        quotes = quotes[~np.isin(row, odd)]
    first, last = quotes[0::2] + 1, quotes[1::2]
    outside = np.ones(len(content), bool)
    inside = np.zeros(len(content) + 1, np.int8)
    inside[first - 1] += 1
    inside[last + 1] -= 1
    np.logical_not(np.cumsum(inside[:-1], dtype=np.int8), out=outside)
    kind = np.where(outside, _KIND[content], 0)
    is_key = _before_colon(content, kind, last)
    numbers_start, numbers_end = _numbers(kind)
    if len(odd):
        row = np.searchsorted(offsets, numbers_start, side="right") - 1
        kept = ~np.isin(row, odd)
        numbers_start, numbers_end = numbers_start[kept], numbers_end[kept]
    strings_start, strings_end = first[~is_key], last[~is_key]
    start = np.concatenate([strings_start, numbers_start, offsets[odd]])
    end = np.concatenate([strings_end, numbers_end, offsets[odd + 1]])
    number = np.repeat([False, True, False], [len(strings_start), len(numbers_start), len(odd)])
    order = np.argsort(start, kind="stable")
    start, end, number = start[order], end[order], number[order]
    raw = cut(objects, start, end)
    key = _decoded(cut(objects, first[is_key], last[is_key]))
    is_top = _depth(kind, offsets, first[is_key]) == 1
    escaped = _escaped(raw) & ~np.isin(start, offsets[odd])
    return Members(
        _decoded(raw, escaped),
        _latest(key, first[is_key], start),
        _latest(key.filter(pa.array(is_top)), first[is_key][is_top], start),
        start,
        end,
        number,
        escaped,
    )


def replaced(objects: pa.StringArray, old: Members, at: Ints, texts: pa.StringArray) -> pa.StringArray:
    """The objects with these texts as the values `at`, as strings. All else stays as it is, byte for byte."""
    new = texts
    number = old.number[at]
    if number.any():
        new = pc.if_else(pa.array(number), pc.binary_join_element_wise('"', new, '"', ""), new)
    escaped = old.escaped[at]
    if escaped.any():
        again = [json.dumps(text, ensure_ascii=False)[1:-1] for text in new.filter(pa.array(escaped)).to_pylist()]
        new = pc.replace_with_mask(new, pa.array(escaped), pa.array(again, pa.string()))
    return splice(objects, old.start[at], old.end[at], new)


def _quotes(content: np.ndarray[Any, np.dtype[np.uint8]]) -> Ints:
    """Where quotes are that begin or end a string: after an odd number of backslashes one is a character of it."""
    quotes = np.flatnonzero(content == _QUOTE)
    backslashes = np.flatnonzero(content == _BACKSLASH)
    if not len(backslashes):
        return quotes
    begins = np.append(True, np.diff(backslashes) > 1)
    run_start = backslashes[begins]
    run_end = backslashes[np.append(begins[1:], True)] + 1
    return quotes[~np.isin(quotes, run_end[(run_end - run_start) % 2 == 1])]


def _before_colon(content: np.ndarray[Any, np.dtype[np.uint8]], kind: Ints, last: Ints) -> Bools:
    """Whether a colon follows the quotes, white space aside."""
    after = np.minimum(last + 1, max(len(content) - 1, 0))
    if len(last) and (kind[after] & _BLANK).any():
        solid = np.append(np.flatnonzero(kind & _BLANK == 0), len(content) - 1)
        after = solid[np.searchsorted(solid, after)]
    colon: Bools = content[after] == _COLON
    return colon


def _depth(kind: Ints, offsets: Ints, places: Ints) -> Ints:
    """How many brackets and braces are open there, of the row that each place is in."""
    brackets = np.flatnonzero(kind & (_OPENS | _CLOSES))
    depth = np.append(0, np.cumsum(np.where(kind[brackets] & _OPENS, 1, -1)))
    row_start = offsets[np.searchsorted(offsets, places, side="right") - 1]
    below: Ints = depth[np.searchsorted(brackets, places)] - depth[np.searchsorted(brackets, row_start)]
    return below


def _numbers(kind: Ints) -> tuple[Ints, Ints]:
    numeric = np.zeros(len(kind) + 2, np.int8)
    numeric[1:-1] = (kind & _NUMERIC) > 0
    edges = np.diff(numeric)
    start, end = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    number = (kind[start] & _STARTS) > 0
    return start[number], end[number]


def _escaped(raw: pa.BinaryArray) -> Bools:
    mask: Bools = pc.match_substring(raw, b"\\").to_numpy(zero_copy_only=False)
    return mask


def _decoded(raw: pa.BinaryArray, escaped: Bools | None = None) -> pa.StringArray:
    escaped = _escaped(raw) if escaped is None else escaped
    if not escaped.any():
        return raw.cast(pa.string())
    written = raw.filter(pa.array(escaped)).to_pylist()
    try:
        read = msgspec.json.decode(b'["' + b'","'.join(written) + b'"]', type=list[str])
        new = pa.array(read, pa.string())
    except (msgspec.DecodeError, UnicodeError):
        new = pa.array([_read(text) for text in written], pa.string())
    return pc.replace_with_mask(raw.cast(pa.string()), pa.array(escaped), new)


def _read(text: bytes) -> str:
    """Half characters become U+FFFD; what is no JSON string stays as it is written."""
    try:
        read: str = json.loads(b'"' + text + b'"', strict=False)
    except ValueError:
        return text.decode()
    return read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _latest(key: pa.StringArray, key_start: Ints, start: Ints) -> pa.StringArray:
    """The last of the keys before each place; null where there is none."""
    before = np.searchsorted(key_start, start) - 1
    return key.take(pa.array(before, pa.int64(), mask=before < 0))
