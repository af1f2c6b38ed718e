"""What of a file was gone before it was read or had arrived: counted, and said."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from logd.agent.batches import Batch
from logd.agent.tail import Counts, Tail

logger = logging.getLogger("logd.agent")


def truncated(counts: Counts, tail: Tail, unread: int, compressed: int | None) -> None:
    """The tail's file was truncated with at least `unread` bytes that weren't read, or with `compressed` ones, which a
    compressed copy has."""
    counts.truncations += 1
    lost = unread if compressed is None else compressed
    counts.lost_bytes += lost
    if lost and compressed is not None:
        logger.error(
            "%s was copied, compressed and truncated before %d bytes of it were read: they are lost, which logrotate's "
            "delaycompress avoids",
            tail.path,
            lost,
        )
    elif lost:
        logger.error("%s was truncated before %d bytes of it were read: they are lost", tail.path, lost)


def gone(counts: Counts, tail: Tail) -> None:
    """There is no file any more."""
    lost = max(0, tail.size - tail.read_position)
    counts.lost_bytes += lost
    if lost:
        logger.error("%s is gone, and so are %d bytes of it that weren't read", tail.path, lost)


def unsent(counts: Counts, batches: Sequence[Batch]) -> None:
    """The bytes of these batches of one source can't be read again."""
    lost = sum(batch.end - batch.start for batch in batches)
    counts.lost_bytes += lost
    path = batches[0].labels.source
    logger.error("%s is gone or was truncated, and so are %d bytes that may not have arrived", path, lost)
