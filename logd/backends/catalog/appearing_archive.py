"""The archive's list, boundaries, leases and restores of a catalog that may not be there yet; see appearing.py. What
changes something makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from logd.backends.catalog.appearing import AppearingFile
from logd.seams import ArchivedDay, ArchivedFile, Boundary, Garbage, Move, Restore, StreamPositions


class AppearingArchive:
    """See Archive."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def add(
        self, files: Sequence[ArchivedFile], removed: Sequence[str] = (), positions: StreamPositions | None = None
    ) -> bool:
        """See Archive."""
        return await (await self._file.made()).archive.add(files, removed, positions)

    async def days(self, from_day: int | None = None, to_day: int | None = None) -> Sequence[ArchivedDay]:
        """See Archive."""
        found = await self._file.if_there()
        return [] if found is None else await found.archive.days(from_day, to_day)

    async def files(self, policy: str, day: int) -> Sequence[ArchivedFile]:
        """See Archive."""
        found = await self._file.if_there()
        return [] if found is None else await found.archive.files(policy, day)

    async def positions(self) -> StreamPositions:
        """See Archive."""
        found = await self._file.if_there()
        return {} if found is None else await found.archive.positions()

    async def put_aside(self, name: str, reason: str) -> None:
        """See Archive."""
        found = await self._file.if_there()
        if found is not None:
            await found.archive.put_aside(name, reason)

    async def garbage(self, before_us: int, limit: int = 1_000) -> Sequence[Garbage]:
        """See Archive."""
        found = await self._file.if_there()
        return [] if found is None else await found.archive.garbage(before_us, limit)

    async def forget(self, names: Sequence[str]) -> None:
        """See Archive."""
        found = await self._file.if_there()
        if found is not None:
            await found.archive.forget(names)


class AppearingTiering:
    """See Tiering."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def boundaries(self) -> Sequence[Boundary]:
        """See Tiering."""
        found = await self._file.if_there()
        return [] if found is None else await found.tiering.boundaries()

    async def advance(self, boundary: Boundary) -> None:
        """See Tiering."""
        await (await self._file.made()).tiering.advance(boundary)

    async def step(self, policy: str, day: int) -> Mapping[str, Any]:
        """See Tiering."""
        found = await self._file.if_there()
        return {} if found is None else await found.tiering.step(policy, day)

    async def put_step(self, policy: str, day: int, step: Mapping[str, Any]) -> None:
        """See Tiering."""
        await (await self._file.made()).tiering.put_step(policy, day, step)

    async def record(self, move: Move) -> None:
        """See Tiering."""
        await (await self._file.made()).tiering.record(move)

    async def moves(self, limit: int = 100, before: int | None = None) -> Sequence[Move]:
        """See Tiering."""
        found = await self._file.if_there()
        return [] if found is None else await found.tiering.moves(limit, before)

    async def count_gap(self, lines: Mapping[tuple[str, int], int]) -> None:
        """See Tiering."""
        await (await self._file.made()).tiering.count_gap(lines)

    async def gap(self, policy: str, day: int) -> int:
        """See Tiering."""
        found = await self._file.if_there()
        return 0 if found is None else await found.tiering.gap(policy, day)


class AppearingLeases:
    """See Leases."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def take(self, name: str, owner: str, seconds: float) -> bool:
        """See Leases."""
        return await (await self._file.made()).leases.take(name, owner, seconds)

    async def give_up(self, name: str, owner: str) -> None:
        """See Leases."""
        found = await self._file.if_there()
        if found is not None:
            await found.leases.give_up(name, owner)


class AppearingRestores:
    """See Restores."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def all(self) -> Sequence[Restore]:
        """See Restores."""
        found = await self._file.if_there()
        return [] if found is None else await found.restores.all()

    async def put(self, restore: Restore) -> None:
        """See Restores."""
        await (await self._file.made()).restores.put(restore)
