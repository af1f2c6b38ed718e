"""Marks: 32-bit hashes of what a search can ask for, so that rows without it needn't be read.

A row's marks are its message's words, the words and integers in its metadata, and the values of its other columns. Two
texts may share a mark; a row that has what is asked for always has its marks:

* a word counts as its stretches of ASCII letters, digits and underscores, lower-cased; what isn't ASCII separates them,
  and each of its code points has a mark of its own (which spelling a text has is asked for by `query`);
* what JSON escapes in the metadata separates words too; of its numbers only integers have marks, and rows with a number
  that is an integer in another spelling (`42.0`, `4.2e1`), or only as a double, get the mark ODD_NUMBER;
* what is longer than MAX_BYTES has no mark;
* where a text has more spellings than that (the signs that lower-case to ASCII, ASCII that JSON escapes), or is longer
  than a window, its rows get the mark ANYTHING, and nobody may conclude anything from the words that they lack.

The hash of a stretch is the polynomial sum of its bytes, modulo 2 ** 32, so that prefix sums over a whole column give
the hashes of all its words at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Marks = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

#: What is asked for by words is shorter; ids are much shorter.
MAX_BYTES = 256
#: So much text at a time: its sums stay in the processor's cache.
_WINDOW_BYTES = 128 * 1024
_BASE = 0x9E3779B1
_MASK = 0xFFFFFFFF
_WORD, _CODE_POINT = 0, 0x85EBCA6B
ANYTHING = 0xC2B2AE35
ODD_NUMBER = 0x27D4EB2F
#: What says something of many row groups.
FREQUENT = (ANYTHING, ODD_NUMBER)
_ANYTHING, _ODD_NUMBER_ONLY = np.array([ANYTHING], np.uint32), np.array([ODD_NUMBER], np.uint32)
#: The columns whose values have marks, each its own.
_COLUMNS = {
    name: (number * 0x61C88647 + 0x165667B1) & _MASK
    for number, name in enumerate(("log_id", "level", "service", "host", "source", "tags", "trace_id"), 1)
}
#: Of an id that looks like one of ours only the source counts: its rows are beside each other.
_LOG_ID_BYTES, _SOURCE_DIGITS, _HYPHEN = 29, 16, 0x2D


def _powers(base: int, count: int) -> Marks:
    factors = np.full(count, base, np.uint32)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint32)


_POWERS = _powers(_BASE, _WINDOW_BYTES + 1)
_INVERSES = _powers(pow(_BASE, -1, 2**32), _WINDOW_BYTES + 1)
#: A byte of a word lower-cased, 0 for all others.
_LOWER = np.array(
    [ord(chr(c).lower()) if c < 128 and (chr(c).isalnum() or c == 95) else 0 for c in range(256)], np.uint8
)
_POINT, _NINE = 0x2E, 0x39
#: A decimal of so many digits isn't rounded to another one.
_DOUBLE_DIGITS = 15
#: Around a number in JSON.
_NUMBER_ENDS = np.isin(np.arange(256), list(b",}] \t\r\n\0"))
_NUMBER_GOES_ON = np.isin(np.arange(256), list(b":,[ \t\r\n-."))
_LETTER = np.array([c < 128 and chr(c).isalpha() for c in range(256)])


def of_word(word: bytes) -> int:
    """The mark of a stretch of ASCII letters, digits and underscores in lower case."""
    return _polynomial(word) ^ _WORD


def of_code_point(char: str) -> int:
    """The mark of a character that isn't ASCII."""
    return (ord(char) * _BASE & _MASK) ^ _CODE_POINT


def of_value(column: str, value: str) -> int | None:
    """The mark that every row with this value in the column has. None when it has none."""
    text = value.encode("utf-8", "surrogatepass")
    if not 0 < len(text) <= MAX_BYTES:
        return None
    if column == "log_id" and len(text) == _LOG_ID_BYTES and text[_SOURCE_DIGITS] == _HYPHEN:
        text = text[:_SOURCE_DIGITS]
    return _polynomial(bytes((byte + 1) & 0xFF for byte in text)) ^ _COLUMNS[column]


def words_of(text: bytes) -> list[bytes]:
    """The stretches of a text that have marks as words."""
    lowered = _LOWER[np.frombuffer(text, np.uint8)].tobytes()
    return [word for word in lowered.split(b"\0") if 0 < len(word) <= MAX_BYTES]


def of_rows(table: pa.Table) -> Marks:
    """All marks of a table of record.SCHEMA, each once, sorted."""
    found = [*_of_messages(table["message"]), *_of_metadata(table["metadata"])]
    for column, salt in _COLUMNS.items():
        found += [marks ^ np.uint32(salt) for marks in _of_values(table[column], column)]
    if any(_longest(table[column]) > _WINDOW_BYTES for column in ("message", "metadata")):
        found.append(_ANYTHING)
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint32)


def _of_messages(column: pa.ChunkedArray) -> Iterator[Marks]:
    for data, rows in _windows(column):
        starts, ends, sums = _stretches(_LOWER[data], rows)
        yield _hashes(starts, ends, sums)
        if data.max(initial=0) < 0x80:
            continue
        yield _of_code_points(data)
        text = data.tobytes()
        if b"\xe2\x84\xaa" in text or b"\xc4\xb0" in text:  # the kelvin sign and İ: their lower case is ASCII
            yield _ANYTHING


def _of_metadata(column: pa.ChunkedArray) -> Iterator[Marks]:
    for data, rows in _windows(column):
        lowered = _LOWER[data]
        if _blank_escapes(data, lowered):
            yield _ANYTHING
        starts, ends, sums = _stretches(lowered, rows)
        letters = _counts(_LETTER[lowered], starts, ends)
        before, after = data[starts - 1], np.append(data, np.uint8(0))[ends]
        point = before == _POINT
        integer = (letters == 0) & ~point & (after != _POINT)
        kept = (letters > 0) | integer
        yield _hashes(starts[kept], ends[kept], sums)
        fractions = np.flatnonzero((letters == 0) & point & _NUMBER_ENDS[after])
        powers = (letters == 1) & (data[starts] <= _NINE) & _NUMBER_GOES_ON[before]
        plain = fractions[_only(b"0", data, starts[fractions], ends[fractions])]  # `42.0` is asked for as 42
        yield _hashes(starts[plain - 1], ends[plain - 1], sums)
        fractions = np.setdiff1d(fractions, plain)
        if _are_lost(data, starts, ends, fractions) or _made_of(b"0123456789eE", data, starts[powers], ends[powers]):
            yield _ODD_NUMBER_ONLY


def _are_lost(data: Bytes, starts: Places, ends: Places, fractions: Places) -> bool:
    """Whether the number of one of the fractions, which are indices of stretches, is an integer, if only as a double:
    the digits that count are 0, or all are 9 and more follow."""
    begins, whole = starts[fractions], starts[np.maximum(fractions - 1, 0)]
    counting = np.maximum(0, _DOUBLE_DIGITS - (begins - 1 - whole))
    upto = np.minimum(ends[fractions], begins + counting)
    more = upto < ends[fractions]
    return _made_of(b"0", data, begins, upto) or _made_of(b"9", data, begins[more], upto[more])


def _made_of(these: bytes, data: Bytes, starts: Places, ends: Places) -> bool:
    """Whether one of the stretches has no other bytes."""
    return bool(_only(these, data, starts, ends).any())


def _only(these: bytes, data: Bytes, starts: Places, ends: Places) -> Bools:
    """For each stretch whether it has no other bytes."""
    if not len(starts):
        return np.zeros(0, np.bool_)
    others = np.ones(256, np.bool_)
    others[list(these)] = False
    only: Bools = _counts(others[data], starts, ends) == 0
    return only


def _counts(marked: Bools, starts: Places, ends: Places) -> npt.NDArray[np.int32]:
    """How many are marked in each stretch."""
    sums = np.zeros(len(marked) + 1, np.int32)
    np.cumsum(marked, out=sums[1:])
    return sums[ends] - sums[starts]


def _of_values(column: pa.ChunkedArray, name: str) -> Iterator[Marks]:
    if pa.types.is_dictionary(column.type):
        column = pa.chunked_array(
            [chunk.dictionary.take(chunk.indices.unique()) for chunk in column.chunks], pa.string()
        )
    elif pa.types.is_list(column.type):
        column = pa.chunked_array([chunk.flatten().unique() for chunk in column.chunks], pa.string())
    for data, starts in _windows(column):
        # Bytes from 1 up, or a zero byte would count for nothing.
        sums = _sums(data + np.uint8(1))
        ends = np.append(starts[1:], len(data))
        if name == "log_id":
            like_ours = np.flatnonzero(ends - starts == _LOG_ID_BYTES)
            like_ours = like_ours[data[starts[like_ours] + _SOURCE_DIGITS] == _HYPHEN]
            ends[like_ours] = starts[like_ours] + _SOURCE_DIGITS
        some = ends > starts
        yield _hashes(starts[some], ends[some], sums)


def _windows(column: pa.ChunkedArray) -> Iterator[tuple[Bytes, Places]]:
    """The text of the rows, some rows at a time, with the places at which they begin. Without the rows that are longer
    than a window."""
    for chunk in column.chunks:
        offsets, data = _text(chunk)
        row = 0
        while row < len(chunk):
            upto = int(np.searchsorted(offsets, offsets[row] + _WINDOW_BYTES, "right")) - 1
            if upto > row:
                begins = offsets[row:upto] - offsets[row]
                yield data[offsets[row] : offsets[upto]], begins.astype(np.intp)
            row = max(upto, row + 1)


def _text(chunk: pa.StringArray) -> tuple[npt.NDArray[np.int32], Bytes]:
    """Where the rows begin in the text, and end; and the text."""
    _, offsets, text = chunk.buffers()
    if not len(chunk):
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    data = np.zeros(0, np.uint8) if text is None else np.frombuffer(text, np.uint8)
    return np.frombuffer(offsets, np.int32, len(chunk) + 1, chunk.offset * 4), data


def _longest(column: pa.ChunkedArray) -> int:
    return max((int(np.diff(_text(chunk)[0]).max(initial=0)) for chunk in column.chunks), default=0)


def _stretches(lowered: Bytes, rows: Places) -> tuple[Places, Places, Marks]:
    """Where words begin and end, a row's end ending a word; and the prefix sums."""
    size = len(lowered)
    within = np.zeros(size + 1, np.bool_)
    within[:size] = lowered
    before = np.zeros(size + 1, np.bool_)
    before[1:] = within[:size]
    begins = before.copy()
    begins[rows] = False
    starts = np.flatnonzero(within > begins)
    goes_on = within
    goes_on[rows] = False
    return starts, np.flatnonzero(before > goes_on), _sums(lowered)


def _sums(data: Bytes) -> Marks:
    sums = np.zeros(len(data) + 1, np.uint32)
    np.cumsum(data * _POWERS[: len(data)], out=sums[1:], dtype=np.uint32)
    return sums


def _hashes(starts: Places, ends: Places, sums: Marks) -> Marks:
    """Of the stretches that aren't too long."""
    short = ends - starts <= MAX_BYTES
    if not short.all():
        starts, ends = starts[short], ends[short]
    found: Marks = (sums[ends] - sums[starts]) * _INVERSES[starts]
    return found


def _of_code_points(data: Bytes) -> Marks:
    """Of UTF-8 text that begins and ends between two characters."""
    padded = np.append(data, np.zeros(3, np.uint8)).astype(np.uint32)
    leads = np.flatnonzero(data >= 0xC0)
    first, second, third, fourth = (padded[leads + n] for n in range(4))
    low = second & 0x3F
    points = np.where(
        first < 0xE0,
        (first & 0x1F) << 6 | low,
        np.where(
            first < 0xF0,
            (first & 0x0F) << 12 | low << 6 | third & 0x3F,
            (first & 0x07) << 18 | low << 12 | (third & 0x3F) << 6 | fourth & 0x3F,
        ),
    ).astype(np.uint32)
    found: Marks = np.unique(points) * np.uint32(_BASE) ^ np.uint32(_CODE_POINT)
    return found


def _blank_escapes(data: Bytes, lowered: Bytes) -> bool:
    """Makes separators of what follows a backslash that escapes. True when ASCII is escaped that needn't be."""
    slashes = np.flatnonzero(data == 0x5C)
    if not len(slashes):
        return False
    run_start = np.diff(slashes, prepend=-2) != 1
    index_in_run = np.arange(len(slashes)) - np.flatnonzero(run_start)[np.cumsum(run_start) - 1]
    escaped = slashes[index_in_run % 2 == 0] + 1
    escaped = escaped[escaped < len(data)]
    lowered[escaped] = 0
    unicode = escaped[data[escaped] == 0x75]
    for digit in range(1, 5):
        lowered[unicode[unicode + digit < len(data)] + digit] = 0
    whole = unicode[unicode + 4 < len(data)]
    zeros = (data[whole + 1] == 0x30) & (data[whole + 2] == 0x30)
    return bool((zeros & (data[whole + 3] >= 0x32) & (data[whole + 3] <= 0x37)).any())


def _polynomial(data: bytes) -> int:
    total, power = 0, 1
    for byte in data:
        total = (total + byte * power) & _MASK
        power = power * _BASE & _MASK
    return total
