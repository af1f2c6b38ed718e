"""Manifests: what the archive's list in the catalog is made of, in the store of objects itself. names.py says what they
are called. Each is written once, after the files that it names, as JSON.

Of a partition each begins where the one before it ends, so that of two archivers which have the same messages one is
first: the other finds its manifest, and takes that for its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

import msgspec

from logd.errors import Conflict, Corrupt, NotFound, Unavailable
from logd.seams import ArchivedFile, Objects
from logd.tiers import names

_VERSION = 1


class StreamManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a partition's messages from `start` to before `end`: of their `lines`, those of messages that can't
    be read (`refused`), and those that rules leave out (`dropped`, `sampled`), aren't in the files."""

    partition: int
    start: int
    end: int
    files: tuple[ArchivedFile, ...]
    lines: int
    refused: int = 0
    dropped: int = 0
    sampled: int = 0
    version: int = _VERSION

    @property
    def name(self) -> str:
        """Its object's."""
        return names.stream_manifest(self.partition, self.start)


class DayManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Of a policy's day, which files come in the place of `removed`, those of names. `duplicates` are rows of these
    that others have too. `checked` when no row is twice in the files of the day that are in `whole`, by name."""

    id: str
    policy: str
    day: int
    files: tuple[ArchivedFile, ...] = ()
    removed: tuple[str, ...] = ()
    duplicates: int = 0
    checked: bool = False
    whole: tuple[str, ...] = ()
    version: int = _VERSION

    @property
    def name(self) -> str:
        """Its object's."""
        return names.day_manifest(self.policy, self.day, self.id)


Manifest = TypeVar("Manifest", StreamManifest, DayManifest)


async def put(objects: Objects, manifest: Manifest) -> bool:
    """Writes it, durably; may be called again. False when another one has its name. Raises Unavailable, Corrupt."""
    content = msgspec.json.encode(manifest)
    try:
        await objects.put(manifest.name, _once(content))
    except Conflict:
        return await read(objects, manifest.name, type(manifest)) == manifest
    return True


async def found(objects: Objects, partition: int, start: int) -> StreamManifest | None:
    """Of a partition's messages from there on, if there is one. Raises Unavailable, Corrupt."""
    try:
        return await read(objects, names.stream_manifest(partition, start), StreamManifest)
    except NotFound:
        return None


async def read(objects: Objects, name: str, kind: type[Manifest]) -> Manifest:
    """Raises NotFound, Unavailable, and Corrupt when it isn't what was written."""
    size = await objects.size(name)
    async with objects.get(name) as blocks:
        content = b"".join([block async for block in blocks])
    if len(content) != size:
        raise Unavailable(f"object {name!r} ends after {len(content)} of {size} bytes")
    try:
        manifest = msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"object {name!r} is no manifest: {error}") from error
    if manifest.version > _VERSION:
        raise Corrupt(f"object {name!r} has format {manifest.version}, this logd knows up to {_VERSION}")
    return manifest


async def partitions(objects: Objects) -> Sequence[int]:
    """Those that have a manifest, rising. Raises Unavailable."""
    prefix, after, numbers = f"{names.MANIFESTS}partition=", "", list[int]()
    while True:
        async for one in objects.list(prefix, after):
            number = int(one.name.removeprefix(prefix).partition("/")[0])
            numbers.append(number)
            after = f"{prefix}{number:05d}/~"  # behind all of it
            break
        else:
            return numbers


async def of_partition(objects: Objects, partition: int, start: int = 0) -> AsyncIterator[StreamManifest]:
    """Those that begin at `start` or later, in order. Raises Unavailable, Corrupt."""
    first = names.stream_manifest(partition, start)
    prefix = first.rpartition("/")[0] + "/"
    after = names.stream_manifest(partition, start - 1) if start else ""
    async for one in objects.list(prefix, after):
        yield await read(objects, one.name, StreamManifest)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
