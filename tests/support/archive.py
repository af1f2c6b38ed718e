"""The archive's list in memory, and what tests ask of an archive: its rows, and whether its parts fit together."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logd.flow.clock import now_us
from logd.record import SCHEMA
from logd.seams import Archive, ArchivedDay, ArchivedFile, Garbage, Objects, StreamPositions
from logd.tiers import names
from tests.support.objects import read


class MemoryArchive:
    """See seams.Archive."""

    def __init__(self) -> None:
        self.named: dict[str, ArchivedFile] = {}
        self._ever: set[str] = set()
        self._positions: dict[int, int] = {}
        self._garbage: dict[str, Garbage] = {}
        self._versions: dict[tuple[str, int], int] = {}

    async def add(
        self, files: Sequence[ArchivedFile], removed: Sequence[str] = (), positions: StreamPositions | None = None
    ) -> bool:
        new = [file for file in files if file.name not in self._ever]
        if any(name not in self.named for name in removed):
            return False
        for file in new:
            self.named[file.name] = file
            self._ever.add(file.name)
            self._change(file)
        for name in removed:
            self._change(self.named.pop(name))
            self._garbage[name] = Garbage(name, now_us())
        for partition, position in (positions or {}).items():
            self._positions[partition] = max(position, self._positions.get(partition, 0))
        return True

    def _change(self, file: ArchivedFile) -> None:
        key = (file.policy, file.day)
        self._versions[key] = self._versions.get(key, 0) + 1

    async def days(self, from_day: int | None = None, to_day: int | None = None) -> Sequence[ArchivedDay]:
        found = []
        for day, policy in sorted({(file.day, file.policy) for file in self.named.values()}):
            own = [file for file in await self.files(policy, day) if not file.reason]
            inside = (from_day is None or day >= from_day) and (to_day is None or day < to_day)
            if own and inside:
                sums = [sum(getattr(f, n) for f in own) for n in ("rows", "size_bytes", "skip_bytes", "raw_bytes")]
                version = self._versions[policy, day]
                found.append(
                    ArchivedDay(
                        policy=policy,
                        day=day,
                        version=version,
                        files=len(own),
                        rows=sums[0],
                        size_bytes=sums[1],
                        skip_bytes=sums[2],
                        raw_bytes=sums[3],
                    )
                )
        return found

    async def files(self, policy: str, day: int) -> Sequence[ArchivedFile]:
        found = [file for file in self.named.values() if (file.policy, file.day) == (policy, day)]
        return sorted(found, key=lambda file: file.name)

    async def positions(self) -> StreamPositions:
        return dict(self._positions)

    async def put_aside(self, name: str, reason: str) -> None:
        if name in self.named:
            file = self.named[name]
            self.named[name] = ArchivedFile(
                **{f: getattr(file, f) for f in file.__struct_fields__} | {"reason": reason}
            )
            self._change(file)

    async def garbage(self, before_us: int, limit: int = 1_000) -> Sequence[Garbage]:
        found = sorted(self._garbage.values(), key=lambda one: one.at_us)
        return [one for one in found if one.at_us < before_us][:limit]

    async def forget(self, names: Sequence[str]) -> None:
        for name in names:
            self._garbage.pop(name, None)


async def all_files(archive: Archive) -> list[ArchivedFile]:
    """Those that aren't put aside."""
    days = await archive.days()
    return [file for day in days for file in await archive.files(day.policy, day.day) if not file.reason]


async def rows_of(objects: Objects, archive: Archive) -> pa.Table:
    """All rows of the archive, after a look whether each file is what the list says."""
    tables = [await checked(objects, file) for file in await all_files(archive)]
    return pa.concat_tables([SCHEMA.empty_table(), *tables])


async def checked(objects: Objects, file: ArchivedFile) -> pa.Table:
    """The file's rows."""
    content = await read(objects, file.name)
    assert (len(content), zlib.crc32(content)) == (file.size_bytes, file.crc)
    if file.skip_bytes:
        skip = await read(objects, names.skip_of(file.name))
        assert (len(skip), zlib.crc32(skip)) == (file.skip_bytes, file.skip_crc)
    parquet = pq.ParquetFile(io.BytesIO(content))
    pieces = np.frombuffer(file.pieces, "<i8").reshape(-1, 3)
    assert [parquet.metadata.row_group(n).num_rows for n in range(parquet.num_row_groups)] == pieces[:, 2].tolist()
    assert pieces[:, 2].sum() == file.rows == sum(file.services.values())
    table = parquet.read().cast(SCHEMA)
    micros = table["timestamp"].cast(pa.int64()).to_numpy()
    start = 0
    for first, last, rows in pieces.tolist():
        part = micros[start : start + rows]
        assert (part.min(), part.max()) == (first, last)
        start += rows
    assert (np.floor_divide(micros, 3_600_000_000) == file.day * 24 + file.hour).all()
    keys = list(
        zip(
            [service or "" for service in table["service"].to_pylist()],
            micros.tolist(),
            table["log_id"].to_pylist(),
            strict=True,
        )
    )
    assert keys == sorted(keys)
    return table


async def object_names(objects: Objects) -> set[str]:
    """All that there is."""
    return {one.name async for one in objects.list()}


async def named_objects(archive: Archive) -> set[str]:
    """Files and skip indexes that the list names."""
    found = set()
    for file in await all_files(archive):
        found.add(file.name)
        if file.skip_bytes:
            found.add(names.skip_of(file.name))
    return found
