"""Looks for damage in an index folder, beside a running server or without one; changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from logd.store import folder
from logd.store.manifest import Manifest
from logd.store.segments import Segment


class Checked(NamedTuple):
    """A file that was read whole, and what is wrong with it; nothing if that is empty."""

    file: str
    bytes: int
    reason: str


def verify(root: Path) -> Iterator[Checked]:
    """All segments and skip indexes. A file that the server replaced meanwhile isn't there any more, and no damage.
    Raises ConfigError when the manifest can't be read."""
    for segment in _segments(root):
        reason = folder.damage(root, segment)
        if not reason or _is_named(root, segment):
            yield Checked(segment.file, segment.size_bytes, reason)
        if segment.skip_bytes:
            whole = folder.skip_index_is_whole(root, segment)
            if whole or _is_named(root, segment):
                yield Checked(segment.skip_file, segment.skip_bytes, "" if whole else "it isn't what was written")


def _segments(root: Path) -> list[Segment]:
    with contextlib.closing(Manifest.open_to_read(root / folder.MANIFEST)) as manifest:
        return manifest.segments()


def _is_named(root: Path, segment: Segment) -> bool:
    """Whether the manifest, as it is now, still has the same file."""
    return any(
        (now.id, now.crc, now.skip_crc) == (segment.id, segment.crc, segment.skip_crc) for now in _segments(root)
    )
