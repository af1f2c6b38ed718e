"""Merging: which segments become one, and how, so that a day ends as few large, sorted files.

A merge reads a row group at a time, in the order of their first times. Rows older than the first time of the next row
group can be written: mostly that is all of them, since segments follow one another. Where too many overlap, the time
is cut into slices of some 32 MB, for each of which all row groups that reach into it are read, one after another.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logd.flow import crash
from logd.record import SCHEMA
from logd.store import marks, skip_index
from logd.store.pages import LONG, bytes_of_each
from logd.store.segments import ROW_GROUP_ROWS, About, Segment, Writer, about, in_order, micros_of, unified

#: So many of a size become one of the next size, so a line is written again once for each such factor between its
#: flush and its day.
FAN_IN = 16
#: So many, when nothing new comes and they are under SMALL_ROWS: the rest of a burst.
FEW = 4
SMALL_ROWS = 500_000
#: Larger ones gain nothing, and take minutes to write again.
MAX_ROWS = 16_000_000
#: Rows that are read, but can't be written yet; one counts as many when it is long. Some 40 MB.
_HELD_ROWS = 131_072
_ROW_BYTES = 300
#: A row group ends here, however few rows it has: lines may have a megabyte each.
_GROUP_BYTES = 16 * 1024 * 1024
#: Of a slice of time. Larger ones mean fewer looks at each row group, and take more memory.
_SLICE_BYTES = 32 * 1024 * 1024
#: In so many steps of time bytes are counted, to see where slices end; a step that has too many is cut again.
_STEPS = 4_096


#: A range of time that all rows are in.
_EVER = (-(2**63), 2**63 - 1)
_Piece = tuple[int, int, int, Segment, int]


class Day(msgspec.Struct, frozen=True):
    """The segments of a policy and a day. `quiet`: no new ones come just now; `over`: none are expected any more."""

    segments: Sequence[Segment]
    quiet: bool
    over: bool


def due(days: Iterable[Day]) -> list[Segment]:
    """The next segments to merge; none when all is well."""
    for day in days:
        found = sorted((s for s in day.segments if s.rows < MAX_ROWS), key=lambda segment: segment.rows)
        for _, like in itertools.groupby(found, key=_size):
            few = FEW if day.quiet else FAN_IN
            alike = list(like)
            enough = len(alike) >= (few if alike[-1].rows < SMALL_ROWS else FAN_IN)
            if enough and len(chosen := _fitting(alike)) > 1:
                return chosen
        if day.over and len(chosen := _fitting(found)) > 1:
            return chosen
    return []


def _size(segment: Segment) -> int:
    """Sizes are powers of FAN_IN: 4 is 65,536 to 1,048,575 rows."""
    return (segment.rows.bit_length() - 1) // (FAN_IN.bit_length() - 1)


def _fitting(segments: list[Segment]) -> list[Segment]:
    """The smallest, as many as fit in one."""
    return segments[: int(np.searchsorted(np.cumsum([s.rows for s in segments]), MAX_ROWS, "right"))]


def merge(root: Path, segments: Sequence[Segment], segment_id: int, check: Callable[[], None]) -> Segment:
    """The segments as one, with its skip index, durable. The caller commits it to the manifest in their place. Calls
    `check` all the time, which may raise. Raises OSError or ArrowException; leaves nothing behind."""
    first = segments[0]
    told = About(
        id=segment_id,
        policy=first.policy,
        day=first.day,
        merged=tuple(segment.id for segment in segments),
        flushed=_furthest(root, segments),
    )
    with contextlib.ExitStack() as stack:
        rows = Writer(root, told)
        undo = stack.enter_context(contextlib.ExitStack())
        undo.callback(rows.abort)
        skips = skip_index.Writer(rows.path.with_suffix(".skip"))
        undo.callback(skips.abort)
        crash.point("merge.begun")
        tables = _sliced(root, segments) if _overlap_too_much(root, segments) else _swept(root, segments)
        for group in _row_groups(stack.enter_context(contextlib.closing(tables))):
            check()
            skips.add(marks.of_rows(group))
            rows.add(group)
        merged = rows.finish()
        undo.callback(rows.path.unlink)
        crash.point("merge.written")
        merged = merged.with_skip_index(*skips.finish())
        undo.pop_all()
    return merged


def rows_between(root: Path, segments: Sequence[Segment], from_us: int, to_us: int) -> Generator[pa.Table]:
    """The rows from `from_us` to before `to_us`, by (timestamp, log_id), in tables of some megabytes. Raises OSError
    and ArrowException."""
    tables = _sliced if _overlap_too_much(root, segments) else _swept
    for table in tables(root, segments, (from_us, to_us)):
        start, end = np.searchsorted(micros_of(table), (from_us, to_us)).tolist()
        if start < end:
            yield table.slice(start, end - start)


def count_between(root: Path, segments: Sequence[Segment], from_us: int, to_us: int) -> int:
    """How many rows there are. Raises as `rows_between`."""
    found = 0
    with contextlib.ExitStack() as stack:
        files = {segment.id: stack.enter_context(pq.ParquetFile(root / segment.file)) for segment in segments}
        for first, last, rows, segment, group in _pieces(segments, (from_us, to_us)):
            if first >= from_us and last < to_us:
                found += rows
            else:
                micros = micros_of(files[segment.id].read_row_group(group, ["timestamp"], use_threads=False))
                found += int(((micros >= from_us) & (micros < to_us)).sum())
    return found


def with_skip_index(root: Path, segment: Segment, check: Callable[[], None]) -> Segment:
    """The segment with a skip index, durable. The caller commits it. As `merge`."""
    skips = skip_index.Writer(root / segment.skip_file)
    try:
        with pq.ParquetFile(root / segment.file) as file:
            for number in range(file.num_row_groups):
                check()
                skips.add(marks.of_rows(_row_group(file, number)))
    except BaseException:
        skips.abort()
        raise
    return segment.with_skip_index(*skips.finish())


def _furthest(root: Path, segments: Sequence[Segment]) -> dict[int, int]:
    """For each partition how far in the stream the segments reach."""
    furthest: dict[int, int] = {}
    for segment in segments:
        for partition, upto in about(root / segment.file).flushed.items():
            furthest[partition] = max(upto, furthest.get(partition, 0))
    return furthest


def _row_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The rows in tables of ROW_GROUP_ROWS, but for the last, and those that have _GROUP_BYTES already."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        while rows >= ROW_GROUP_ROWS:
            whole = unified(waiting)
            yield whole.slice(0, ROW_GROUP_ROWS)
            rows -= ROW_GROUP_ROWS
            waiting = [whole.slice(ROW_GROUP_ROWS)] if rows else []
        if sum(part.nbytes for part in waiting) >= _GROUP_BYTES:
            yield unified(waiting)
            waiting, rows = [], 0
    if waiting:
        yield unified(waiting)


def _pieces(segments: Sequence[Segment], times: tuple[int, int] = _EVER) -> list[_Piece]:
    """First time, last time, rows, segment and row group, by first time, of those that may have rows of `times`."""
    found = [
        (first, last, rows, segment, group)
        for segment in segments
        for group, (first, last, rows) in enumerate(segment.pieces.tolist())
        if last >= times[0] and first < times[1]
    ]
    found.sort(key=lambda piece: piece[:2])
    return found


def _overlap_too_much(root: Path, segments: Sequence[Segment]) -> bool:
    """Whether sweeping over them would ever hold too much."""
    footers = {segment.id: pq.read_metadata(root / segment.file) for segment in segments}
    changes = []
    for first, last, rows, segment, group in _pieces(segments):
        weight = max(rows, footers[segment.id].row_group(group).total_byte_size // _ROW_BYTES)
        changes += [(first, weight), (last + 1, -weight)]
    held = np.cumsum([weight for _, weight in sorted(changes)])
    return bool(held.max(initial=0) > _HELD_ROWS)


def _swept(root: Path, segments: Sequence[Segment], times: tuple[int, int] = _EVER) -> Generator[pa.Table]:
    with contextlib.ExitStack() as stack:
        files = {segment.id: stack.enter_context(pq.ParquetFile(root / segment.file)) for segment in segments}
        pieces = _pieces(segments, times)
        held: list[pa.Table] = []
        for number, (_, _, _, segment, group) in enumerate(pieces):
            held.append(_row_group(files[segment.id], group))
            if number + 1 == len(pieces):
                yield in_order(unified(held))
                return
            following = pieces[number + 1][0]
            if sum(map(len, held)) < ROW_GROUP_ROWS and sum(part.nbytes for part in held) < _GROUP_BYTES:
                continue
            table = in_order(unified(held))
            ready = int(np.searchsorted(micros_of(table), following))
            if ready:
                yield table.slice(0, ready)
            held = [table.slice(ready)] if ready < len(table) else []


def _row_group(file: pq.ParquetFile, number: int) -> pa.Table:
    # Threads gain nothing here, and take what searches need.
    return file.read_row_group(number, use_threads=False).cast(SCHEMA)


def _sliced(root: Path, segments: Sequence[Segment], times: tuple[int, int] = _EVER) -> Generator[pa.Table]:
    with contextlib.ExitStack() as stack:
        files = {segment.id: stack.enter_context(pq.ParquetFile(root / segment.file)) for segment in segments}
        pieces = _pieces(segments, times)
        if not pieces:
            return
        start = max(times[0], pieces[0][0])
        end = min(times[1], max(last for _, last, *_ in pieces) + 1)
        for low, high in _slices(files, pieces, start, end):
            parts = [SCHEMA.empty_table()]
            for first, last, _, segment, group in pieces:
                if first < high and last >= low:
                    table = _row_group(files[segment.id], group)
                    micros = micros_of(table)
                    # Their own bytes, or the whole row group would stay.
                    inside = pa.array(np.flatnonzero((micros >= low) & (micros < high)))
                    parts.append(table.take(inside) if len(inside) < len(table) else table)
            yield in_order(unified(parts))


def _slices(
    files: Mapping[int, pq.ParquetFile], pieces: Sequence[_Piece], start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Slices of the time from `start` to `end`, that have some _SLICE_BYTES of rows each; one moment alone may have
    more."""
    step = -(-(end - start) // _STEPS)
    sizes = np.zeros(-(-(end - start) // step))
    for first, last, _, segment, group in pieces:
        if first < end and last >= start:
            table = files[segment.id].read_row_group(group, ["timestamp", *LONG], use_threads=False)
            micros = micros_of(table)
            inside = (micros >= start) & (micros < end)
            sizes += np.bincount((micros[inside] - start) // step, bytes_of_each(table)[inside], len(sizes))
    begin, size = 0, 0.0
    for number, more in enumerate(sizes.tolist()):
        if begin < number and size + more > _SLICE_BYTES:
            yield start + begin * step, start + number * step
            begin, size = number, 0.0
        size += more
        if more > _SLICE_BYTES and step > 1:
            yield from _slices(files, pieces, start + number * step, min(end, start + (number + 1) * step))
            begin, size = number + 1, 0.0
    if begin < len(sizes):
        yield start + begin * step, end
