"""The index folder at the start, and what in it is not as the manifest says.

    .tmp, and what a merge left on disk to sort       unlinked: nothing was finished
    files of the table `retired`                      unlinked: they were merged or expired
    a named segment that is missing or too short      put aside, unless a merge of it and others was just finished:
                                                      then that takes their place
    a whole segment that isn't named, and whose rows are in named ones or will come again from the stream: unlinked
    any other segment that isn't named                put aside: nobody can say that its rows are elsewhere

Putting aside moves a file to INDEX/quarantine/; it is named and counted in the manifest, and never unlinked.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from logd.errors import ConfigError
from logd.store.manifest import NO_CRC, Change, Manifest, Quarantined, damaged, quarantined_now
from logd.store.segments import About, Segment, about, checksum, pieces_of, sync

log = logging.getLogger("logd.store")
MANIFEST = "manifest.db"
QUARANTINE = "quarantine"
#: The file is missing, or the disk can't read it.
_OF_DAMAGE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)


class Stream(NamedTuple):
    """What the transport says. `told`: for each partition what the index said was durable; `next`: the position that
    the next message will have."""

    told: Mapping[int, int] = {}
    next: Mapping[int, int] = {}


#: Of a transport that was never used.
NO_STREAM = Stream()


def open_manifest(root: Path, stream: Stream) -> Manifest:
    """The manifest of a folder, which is made if need be, brought together with its files. Raises ConfigError."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        manifest = Manifest.open(root / MANIFEST)
        try:
            _not_older(root, manifest, stream)
            _bring_together(root, manifest, stream)
        except BaseException:
            manifest.close()
            raise
    except OSError as error:
        raise ConfigError(f"the index folder {root} can't be used: {error.strerror or error}") from error
    return manifest


def damage(root: Path, segment: Segment) -> str:
    """What is wrong with a segment's file; empty when nothing is. Reads it whole. Raises OSError when that can't be
    told now, as with too many open files."""
    path = root / segment.file
    if wrong := _wrong_size(path, segment.size_bytes):
        return wrong
    try:
        _, crc = checksum(path)
        if segment.crc not in (crc, NO_CRC):
            return f"its checksum is {crc:08x}, it was written with {segment.crc:08x}"
        pieces_of(path)
    except ValueError as error:
        return str(error)
    except OSError as error:
        return _damage_in(error)
    return ""


def skip_index_is_whole(root: Path, segment: Segment) -> bool:
    """Reads it whole."""
    try:
        return checksum(root / segment.skip_file) == (segment.skip_bytes, segment.skip_crc)
    except OSError:
        return False


def put_aside(root: Path, file: str) -> None:
    """Moves a file to the quarantine. Where it can't be moved it stays: the manifest names it no more."""
    target = root / QUARANTINE / file.replace("/", "__")
    try:
        target.parent.mkdir(exist_ok=True)
        os.replace(root / file, target)
        sync(target.parent)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.error("%s can't be moved to %s: %s", root / file, target, error)


def segment_of(root: Path, file: str, told: About) -> Segment:
    """The segment in a file that the manifest doesn't name. Raises OSError and ValueError."""
    pieces = pieces_of(root / file)
    size, crc = checksum(root / file)
    return Segment(told.id, file, told.policy, told.day, int(pieces[:, 2].sum()), size, crc, pieces)


def files_of(root: Path, suffix: str) -> Iterator[str]:
    """Relative names of the files of that suffix in the folders of segments."""
    for path in sorted(root.glob(f"policy=*/date=*/*{suffix}")):
        yield str(path.relative_to(root))


def _not_named(root: Path, segments: Iterable[Segment], suffix: str) -> list[str]:
    named = {file for segment in segments for file in (segment.file, segment.skip_bytes and segment.skip_file)}
    return [file for file in files_of(root, suffix) if file not in named]


def _not_older(root: Path, manifest: Manifest, stream: Stream) -> None:
    """A manifest of yesterday would lose what was acknowledged since: the transport has deleted it."""
    positions = manifest.positions()
    for partition, told in stream.told.items():
        has = positions.get(partition, 0)
        if has < told:
            reason = f"it ends at position {has} of the stream, but had told the transport that it reaches {told}"
            raise damaged(root / MANIFEST, reason)


def _bring_together(root: Path, manifest: Manifest, stream: Stream) -> None:
    for suffix in (".tmp", ".skip.tmp"):
        for file in files_of(root, suffix):
            (root / file).unlink(missing_ok=True)
    segments = {segment.id: segment for segment in manifest.segments()}
    retired = manifest.retired()
    # Names in that table have no checksum.
    for file in set(retired) - {file for s in segments.values() for file in (s.file, s.skip_file)}:
        (root / file).unlink(missing_ok=True)
    manifest.forget_retired(retired)
    missing = {number: why for number, s in segments.items() if (why := _wrong_size(root / s.file, s.size_bytes))}
    for file in _not_named(root, segments.values(), ".parquet"):
        _settle(root, manifest, file, segments, missing, stream)
    if missing:
        _quarantine(root, manifest, [(segments[number], why) for number, why in missing.items()])
    for file in _not_named(root, manifest.segments(), ".skip"):
        (root / file).unlink(missing_ok=True)


def _settle(
    root: Path,
    manifest: Manifest,
    file: str,
    segments: Mapping[int, Segment],
    missing: dict[int, str],
    stream: Stream,
) -> None:
    """A segment file that the manifest doesn't name."""
    try:
        told = about(root / file)
        merged = set(told.merged)
        if merged and merged <= segments.keys():
            if merged & missing.keys():
                gone = [segments[number] for number in merged]
                change = Change(
                    put=[segment_of(root, file, told)], removed=list(merged), retired=[s.file for s in gone]
                )
                manifest.commit(change, "adopted")
                for number in merged:
                    missing.pop(number, None)
                log.warning("%s takes the place of the %d segments that it was merged from", file, len(merged))
            else:
                (root / file).unlink()
                log.info("%s is left over from a merge that wasn't finished, and unlinked", file)
            return
        positions = manifest.positions()
        if (
            not merged
            and told.flushed
            and all(
                positions.get(partition, 0) < upto <= stream.next.get(partition, 0)
                for partition, upto in told.flushed.items()
            )
        ):
            (root / file).unlink()
            log.info("%s wasn't committed: its rows come again from the stream", file)
            return
        rows, reason = int(pieces_of(root / file)[:, 2].sum()), "the manifest doesn't name it"
    except ValueError as error:
        rows, reason = 0, str(error)
    size = (root / file).stat().st_size
    put_aside(root, file)
    manifest.commit(Change(quarantined=[Quarantined(file, rows, size, reason, time.time())]), "quarantine")
    log.error("%s with %d rows is put aside: %s", file, rows, reason)


def _quarantine(root: Path, manifest: Manifest, found: Sequence[tuple[Segment, str]]) -> None:
    rows = sum(segment.rows for segment, _ in found)
    change = Change(
        removed=[segment.id for segment, _ in found],
        quarantined=[quarantined_now(segment, why) for segment, why in found],
        counts={"rows_quarantined": rows},
    )
    manifest.commit(change, "quarantine")
    for segment, why in found:
        put_aside(root, segment.file)
        log.error("%s with %d rows is put aside: %s", segment.file, segment.rows, why)


def _wrong_size(path: Path, size_bytes: int) -> str:
    try:
        size = path.stat().st_size
    except OSError as error:
        return _damage_in(error)
    return "" if size == size_bytes else f"it has {size} bytes, it was written with {size_bytes}"


def _damage_in(error: OSError) -> str:
    """What an error says of a file's damage. Raises it when it may be gone later, and the file as good as it was."""
    if error.errno not in _OF_DAMAGE:
        raise error
    return (error.strerror or str(error)).lower()
