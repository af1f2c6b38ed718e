"""Searching the archive in place: seams.Searches over its files, wherever they are."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from logd.backends.index.reader import Reader
from logd.config.schema import SearchLimits
from logd.errors import ConfigError, Unavailable
from logd.query.times import narrowed
from logd.query.tree import Node
from logd.seams import (
    Archive,
    Buckets,
    Fields,
    Found,
    FoundFields,
    Groups,
    Histogram,
    Mined,
    Objects,
    Patterns,
    Search,
    Searches,
    Stats,
)
from logd.store import patterns
from logd.store.connection import Connection
from logd.store.explain import explain
from logd.store.fields import fields_of
from logd.store.find import find
from logd.store.groups import group
from logd.store.histogram import count_by_time
from logd.store.mined import mine_patterns
from logd.store.partials import Partials
from logd.store.walk import Snapshot
from logd.tiers.cold.blocks import Blocks
from logd.tiers.cold.damage import Damage, Replaced
from logd.tiers.cold.files import ColdFiles
from logd.tiers.cold.filesystem import ColdFileSystem
from logd.tiers.cold.kept import Kept
from logd.tiers.cold.listing import Listed, Listing, told_aside

#: They wait for objects most of the time.
_THREADS = 16
#: Files that were compacted while a search read them are looked for anew.
_TRIES = 3
_TIERS = ("cold",)


class _Asked(Protocol):
    """What all questions have."""

    @property
    def query(self) -> Node: ...
    @property
    def from_us(self) -> int | None: ...
    @property
    def to_us(self) -> int | None: ...


class _Answer(Protocol):
    """What all answers have."""

    @property
    def missing(self) -> Sequence[str]: ...


A = TypeVar("A", bound=_Answer)
Read = Callable[[Connection, Snapshot], A]


class ArchiveSearches:
    """seams.Searches over all of the archive; `of` is over those days that aren't anybody else's. For one loop. Use
    `ArchiveSearches.open`."""

    def __init__(self, archive: Archive, objects: Objects, kept: Kept, limits: SearchLimits) -> None:
        self._listing = Listing(archive)
        self._damage = Damage(archive, objects)
        self._blocks = Blocks(objects, kept)
        self._filesystem = ColdFileSystem()
        self._reader = Reader(self._damage, limits, self._filesystem)
        self.partials = Partials()
        self._threads = ThreadPoolExecutor(_THREADS, "cold.read")
        self._numbers = itertools.count(1)

    @classmethod
    async def open(cls, archive: Archive, objects: Objects, folder: Path, limits: SearchLimits) -> ArchiveSearches:
        """What was read is kept in the folder, which is this process's own. Raises ConfigError."""
        try:
            kept = await asyncio.to_thread(Kept, folder, limits.cold_cache_bytes)
        except OSError as error:
            raise ConfigError(f"{folder}, for what is read of the archive, can't be used: {error.strerror}") from error
        return cls(archive, objects, kept, limits)

    def of(self, cold: Mapping[str, int] | None) -> Searches:
        """The same, of each policy's days (since 1970) before the one that `cold` has for it; None is all."""
        return ArchiveView(self, cold)

    async def search(self, search: Search) -> Found:
        return await self.of(None).search(search)

    async def histogram(self, histogram: Histogram) -> Buckets:
        return await self.of(None).histogram(histogram)

    async def stats(self, stats: Stats) -> Groups:
        return await self.of(None).stats(stats)

    async def fields(self, fields: Fields) -> FoundFields:
        return await self.of(None).fields(fields)

    async def explain(self, search: Search) -> dict[str, Any]:
        return await self.of(None).explain(search)

    async def patterns(self, asked: Patterns) -> Mined:
        return await self.of(None).patterns(asked)

    async def answer(self, asked: _Asked, cold: Mapping[str, int] | None, read: Read[A]) -> A:
        """What `read` makes of the files of the days in question, and what is missing of it."""

        def blamed(connection: Connection, now: Snapshot) -> A:
            with patterns.blamed(connection, asked.query):
                return read(connection, now)

        listed, found = await self._read(asked, cold, blamed)
        aside = [
            told_aside(segment.file, segment.rows, self._damage.aside[segment.file])
            for segment in listed.segments
            if segment.file in self._damage.aside
        ]
        missing = [*found.missing, *listed.missing, *aside]
        answer: A = msgspec.structs.replace(found, missing=missing, tiers=_TIERS if listed.segments else ())
        return answer

    async def explanation(self, search: Search, cold: Mapping[str, int] | None) -> dict[str, Any]:
        """See Searches.explain."""
        listed, found = await self._read(
            search, cold, lambda connection, now: explain(connection, now, search, "archive", True)
        )
        return {**found, "missing": list(listed.missing)}

    def status(self) -> dict[str, Any]:
        """For people."""
        return {**self._blocks.status(), "put_aside": dict(self._damage.aside)}

    async def close(self) -> None:
        """Waits for the threads, and releases everything."""
        await self._reader.close()
        await asyncio.to_thread(self._threads.shutdown)
        await self._blocks.close()

    async def _read(
        self, asked: _Asked, cold: Mapping[str, int] | None, read: Callable[[Connection, Snapshot], Any]
    ) -> tuple[Listed, Any]:
        for _ in range(_TRIES):
            self._damage.look_again()
            listed = await self._listing.files(*narrowed(asked.query, asked.from_us, asked.to_us), cold)
            with contextlib.suppress(Replaced):
                return listed, await self._read_listed(listed, read)
        raise Unavailable("the archive's files are replaced faster than they can be read")

    async def _read_listed(self, listed: Listed, read: Callable[[Connection, Snapshot], Any]) -> Any:
        mounted: list[int] = []

        def snapshot() -> Snapshot:
            """Anew after files were put aside."""
            number = next(self._numbers)
            segments = [segment for segment in listed.segments if segment.file not in self._damage.aside]
            files = ColdFiles(number, segments, self._blocks, self._reader.footers, self._threads)
            self._filesystem.mount(number, files)
            mounted.append(number)
            return Snapshot(files, segments, ())

        try:
            return await self._reader.search(snapshot, read)
        finally:
            for number in mounted:
                self._filesystem.unmount(number)


class ArchiveView:
    """See ArchiveSearches.of."""

    def __init__(self, archive: ArchiveSearches, cold: Mapping[str, int] | None) -> None:
        self._archive = archive
        self._cold = cold

    async def search(self, search: Search) -> Found:
        return await self._archive.answer(search, self._cold, lambda connection, now: find(connection, now, search))

    async def histogram(self, histogram: Histogram) -> Buckets:
        partials = self._archive.partials

        def read(connection: Connection, now: Snapshot) -> Buckets:
            return count_by_time(connection, now, histogram, partials)

        return await self._archive.answer(histogram, self._cold, read)

    async def stats(self, stats: Stats) -> Groups:
        partials = self._archive.partials
        return await self._archive.answer(
            stats, self._cold, lambda connection, now: group(connection, now, stats, partials)
        )

    async def fields(self, fields: Fields) -> FoundFields:
        return await self._archive.answer(
            fields, self._cold, lambda connection, now: fields_of(connection, now, fields)
        )

    async def explain(self, search: Search) -> dict[str, Any]:
        return await self._archive.explanation(search, self._cold)

    async def patterns(self, asked: Patterns) -> Mined:
        partials = self._archive.partials
        return await self._archive.answer(
            asked, self._cold, lambda connection, now: mine_patterns(connection, now, asked, partials)
        )
