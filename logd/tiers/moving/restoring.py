"""Ranges of the archive, put back into Elasticsearch for a while.

    waiting   somebody has asked for it
    running   file by file: those row groups that have a part of the range are read, into an index for each policy and
              day; the catalog knows the files that are done, so that whoever comes next goes on there
    done      until it expires
    gone      its indices are deleted

One restore runs at a time, the oldest first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logd.backends.index.elasticsearch_names import restored_name
from logd.backends.index.elasticsearch_restored import RestoredIndices
from logd.errors import NotFound, Unavailable
from logd.flow import crash
from logd.flow.threads import finished, opened
from logd.record import SCHEMA
from logd.seams import Archive, ArchivedFile, Objects, Restore, Restores
from logd.tiers.moving.ground import Ground, Holder, LeaseLost

log = logging.getLogger("logd.tiers")
LEASE = "tiers.restore"
_DAY_US = 86_400_000_000
#: More services than that a file doesn't list.
_MOST_SERVICES = 1_000
#: Of a table: some ten bulks, and 20 MB.
_BATCH_ROWS = 20_000
_FINISHED = ("done", "failed")
#: Tables that are on their way while the next one is read.
_AHEAD = 2


class Restorer:
    """Call `step` again and again."""

    def __init__(
        self,
        ground: Ground,
        restores: Restores,
        archive: Archive,
        objects: Objects,
        indices: RestoredIndices,
        owner: str,
        lease_seconds: float,
    ) -> None:
        """`lease_seconds` are longer than a request to Elasticsearch may take."""
        self._ground = ground
        self._holder = Holder(ground, LEASE, owner, lease_seconds)
        self._restores = restores
        self._archive = archive
        self._objects = objects
        self._indices = indices
        self._holds = False
        self._now = ""

    async def step(self) -> bool:
        """Puts back all that is asked for, and deletes what has expired. Raises Unavailable and Corrupt."""
        every = await self._restores.all()
        if all(one.state == "gone" for one in every):
            return False
        try:
            self._holds = await self._holder.take()
            if not self._holds:
                return False
            for one in every:
                if one.state != "gone" and one.expires_us <= self._ground.clock_us():
                    await self._delete(one)
            for one in every:
                if one.state not in (*_FINISHED, "gone") and one.expires_us > self._ground.clock_us():
                    await self._run(one)
        except LeaseLost as error:
            log.warning("%s: it goes on with what is put back", error)
            self._holds = False
        finally:
            self._now = ""
        return False

    async def give_up(self) -> None:
        """Another one may begin at once. Raises Unavailable."""
        if self._holds:
            await self._holder.give_up()
        self._holds = False

    def status(self) -> dict[str, Any]:
        """What is put back now."""
        return {"running": self._now or None}

    async def _delete(self, one: Restore) -> None:
        for name in await self._indices.names(one.id):
            await self._holder.still()
            await self._indices.delete(name)
            crash.point("restore.deleted")
        for day in _days(one):
            await self._ground.tiering.put_step(_key(one), day, {})
        await self._change(one, state="gone", indices=())
        await self._holder.record("", one.from_us // _DAY_US, "restored is gone", {"restore": one.id})

    async def _run(self, one: Restore) -> None:
        self._now = one.id
        work = [(day, file) for day in _days(one) for file in await self._files(one, day)]
        await self._change(one, state="running", rows=sum(_rows_in(file, one) for _, file in work))
        trouble, refused = "", 0
        for day in _days(one):
            done = set((await self._ground.tiering.step(_key(one), day)).get("files", ()))
            for file in (file for of, file in work if of == day and file.name not in done):
                if (await self._restores_now(one)).expires_us <= self._ground.clock_us():
                    return  # somebody wants it no more
                await self._holder.still()
                name = restored_name(file.policy, day, one.id)
                await self._indices.make(name)
                crash.point("restore.made")
                try:
                    loaded, not_taken = await self._load(one, file, name)
                except NotFound:
                    # It was compacted meanwhile: what there is now is another file's, and known ids are passed over.
                    raise Unavailable(f"{file.name} is no part of the archive any more; it is looked at anew") from None
                except _DamagedFile as error:
                    trouble, loaded, not_taken = str(error), 0, 0
                    log.error("restore %s goes on without %s", one.id, error)
                crash.point("restore.loaded")
                refused += not_taken
                done.add(file.name)
                await self._ground.tiering.put_step(_key(one), day, {"files": sorted(done)})
                crash.point("restore.noted")
                await self._change(one, done_rows=(await self._restores_now(one)).done_rows + loaded)
        if refused:
            trouble = trouble or f"Elasticsearch doesn't take {refused:,} of the records"
        names, rows = await self._indices.names(one.id), 0
        for name in names:
            await self._holder.still()
            rows += await self._indices.finish(name)
        await self._holder.record("", one.from_us // _DAY_US, "restore", {"restore": one.id, "rows": rows})
        state = "failed" if trouble and not rows else "done"
        await self._change(one, state=state, indices=tuple(names), rows=rows, done_rows=rows, error=trouble)
        crash.point("restore.done")

    async def _files(self, one: Restore, day: int) -> list[ArchivedFile]:
        days = await self._archive.days(day, day + 1)
        files = [file for of in days for file in await self._archive.files(of.policy, day)]
        return [file for file in files if not file.reason and _rows_in(file, one) and _may_have(file, one.services)]

    async def _load(self, one: Restore, file: ArchivedFile, name: str) -> tuple[int, int]:
        """How many rows there were, and how many of them aren't taken."""
        try:
            async with self._fetched(file) as path, asyncio.TaskGroup() as tasks:
                sent = []
                tables = _tables(path, file, one)
                while (table := await finished(lambda: next(tables, None))) is not None:
                    sent.append((len(table), tasks.create_task(self._indices.load(name, table), name="restore.load")))
                    if len(sent) > _AHEAD:  # what is read isn't much more than what is on its way
                        await sent[-_AHEAD - 1][1]
        except ExceptionGroup as errors:
            raise _first(errors) from errors
        return sum(count for count, _ in sent), sum(task.result() for _, task in sent)

    @contextlib.asynccontextmanager
    async def _fetched(self, file: ArchivedFile) -> AsyncIterator[Path]:
        """In a temporary file, checked. Raises NotFound and _DamagedFile."""
        crc = 0
        with tempfile.TemporaryDirectory(prefix="logd-restore-") as folder:
            path = Path(folder) / "rows.parquet"
            with await opened(lambda: path.open("wb")) as copy:
                async with self._objects.get(file.name) as blocks:
                    async for block in blocks:
                        crc = zlib.crc32(block, crc)
                        copy.write(block)
            if crc != file.crc:
                raise _DamagedFile(f"{file.name}: its checksum is {crc:08x}, expected {file.crc:08x}")
            yield path

    async def _restores_now(self, one: Restore) -> Restore:
        return next((other for other in await self._restores.all() if other.id == one.id), one)

    async def _change(self, one: Restore, **changes: Any) -> None:
        """When it expires, others say."""
        await self._restores.put(msgspec.structs.replace(await self._restores_now(one), **changes))


class _DamagedFile(Exception):
    """A file of the archive isn't what it was."""


def _first(errors: ExceptionGroup) -> Exception:
    error: Exception = errors
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _key(one: Restore) -> str:
    """In the place of a policy, where the catalog keeps how far something has come."""
    return f"restore-{one.id}"


def _days(one: Restore) -> range:
    return range(one.from_us // _DAY_US, (one.to_us - 1) // _DAY_US + 1)


def _groups_in(file: ArchivedFile, one: Restore) -> list[tuple[int, int]]:
    """The row groups that have a part of the range, with their rows."""
    pieces = np.frombuffer(file.pieces, "<i8").reshape(-1, 3)
    within = np.flatnonzero((pieces[:, 0] < one.to_us) & (pieces[:, 1] >= one.from_us))
    return [(int(at), int(pieces[at, 2])) for at in within]


def _rows_in(file: ArchivedFile, one: Restore) -> int:
    return sum(rows for _, rows in _groups_in(file, one))


def _may_have(file: ArchivedFile, services: Sequence[str]) -> bool:
    return not services or len(file.services) >= _MOST_SERVICES or not file.services.keys().isdisjoint(services)


def _tables(path: Path, file: ArchivedFile, one: Restore) -> Iterator[pa.Table]:
    """Those rows that are meant, some at a time."""
    groups = [at for at, _ in _groups_in(file, one)]
    names = pa.array(one.services, pa.string())
    bounds = [
        pa.scalar(time_us, pa.int64()).cast(SCHEMA.field("timestamp").type) for time_us in (one.from_us, one.to_us)
    ]
    with pq.ParquetFile(path, memory_map=True) as parquet:
        for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=groups, columns=SCHEMA.names):
            table = pa.Table.from_batches([batch]).cast(SCHEMA)
            within = pc.and_(pc.greater_equal(table["timestamp"], bounds[0]), pc.less(table["timestamp"], bounds[1]))
            if one.services:
                within = pc.and_(within, pc.is_in(table["service"].cast(pa.string()), names))
            if len(table := table.filter(within)):
                yield table
