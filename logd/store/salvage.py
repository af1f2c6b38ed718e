"""Which files of an index folder make up the index when its manifest is lost: pure, by what the files tell of
themselves and how far the transport goes.

* A merged file has the rows of those that were merged into it, so these are dropped. What was merged had been
  committed, so the index reached the end of each of them; `told` the transport knows from the index, too.
* A flush that reaches further may be only a part of what a crash left of it. Its rows come again from the stream, so
  it is left out, if the transport still has them; if the transport ends before it, that is another one, or an older
  copy, and the files are all there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from logd.store.folder import Stream
from logd.store.segments import About

#: The position of a stream's first message: when it is the oldest, nothing was deleted.
_FIRST = 1


class Choice(NamedTuple):
    """Ids of the files to keep; those whose rows are in other files; those whose rows come again from the stream; and
    where in the stream the kept ones end."""

    kept: frozenset[int]
    dropped: frozenset[int]
    again: frozenset[int]
    positions: Mapping[int, int]


def choose(found: Sequence[About], stream: Stream, oldest: Mapping[int, int]) -> Choice:
    """Among whole files. `oldest` is the position of the oldest message that the transport still has, or the next one:
    what is below it never comes again."""
    whole = {about.id for about in found}
    dropped = {number for about in found for number in about.merged} & whole
    flushes = [about.flushed for about in found if not about.merged]
    positions: dict[int, int] = {}
    for partition in {*stream.told, *oldest, *(place for about in found for place in about.flushed)}:
        ends = [flushed[partition] for flushed in flushes if partition in flushed]
        merged = [about.flushed.get(partition, 0) for about in found if about.merged]
        told = stream.told.get(partition, 0)
        if (gone := oldest.get(partition, 0)) > max(told, _FIRST):
            # It had told more than the transport remembers: all up to the end of the flush that what is gone was in.
            told = min((end for end in ends if end >= gone), default=gone)
        if max(ends, default=0) > stream.next.get(partition, 0):
            told = max(ends)
        positions[partition] = max([told, *merged])
    again = {
        about.id
        for about in found
        if not about.merged and any(end > positions[place] for place, end in about.flushed.items())
    }
    again -= dropped
    return Choice(frozenset(whole - dropped - again), frozenset(dropped), frozenset(again), positions)


def ids_above(found: Iterable[About]) -> int:
    """An id above all that the files know of: an id of rows is never given to others."""
    return max((number for about in found for number in (about.id, *about.merged)), default=0) + 1
