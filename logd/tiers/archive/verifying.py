"""Whether the archive is what its list and its manifests say; and the list made anew from the manifests."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

import duckdb
import msgspec
import pyarrow.parquet as pq

from logd.errors import Corrupt, NotFound
from logd.flow.threads import finished
from logd.seams import Archive, ArchivedFile, Objects
from logd.tiers import names
from logd.tiers.archive import files, manifests
from logd.tiers.archive.fetching import check_skip_index, fetch
from logd.tiers.archive.manifests import DayManifest, StreamManifest


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong with an object: it is missing, damaged, unlisted, or named by no manifest; or a day has
    rows twice, which is only told. `aside`: it was put aside, and is what was written."""

    what: Literal["missing", "damaged", "unlisted", "unnamed", "twice", "aside"]
    name: str
    detail: str = ""

    @property
    def wrong(self) -> bool:
        """Compaction takes care of the others."""
        return self.what != "twice"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at."""

    days: int
    files: int
    rows: int
    distinct_ids: int
    findings: Sequence[Finding]


async def verify(
    objects: Objects,
    archive: Archive,
    policy: str | None = None,
    day: int | None = None,
    *,
    quarantine: bool = False,
) -> Verified:
    """Reads every file, of a policy or a day if one is given. With `quarantine`, what is damaged or missing is put
    aside, and what was and isn't is read again. Raises Unavailable."""
    findings: list[Finding] = []
    named = await _named(objects, findings)
    total = rows = ids = days = 0
    for one in await archive.days(day, None if day is None else day + 1):
        if policy is not None and one.policy != policy:
            continue
        days += 1
        known = await archive.files(one.policy, one.day)
        listed = [file for file in known if not file.reason]
        for file in known:
            if file.reason and await _is_whole(objects, file):
                if quarantine:
                    await archive.put_aside(file.name, "")
                    listed.append(file)
                else:
                    findings.append(Finding("aside", file.name, f"it is whole, but was put aside: {file.reason}"))
        with tempfile.TemporaryDirectory(prefix="logd-verify-") as folder, duckdb.connect() as sql:
            sql.execute("CREATE TABLE ids (log_id VARCHAR)")
            for file in listed:
                total, rows = total + 1, rows + file.rows
                if file.name not in named:
                    findings.append(Finding("unnamed", file.name, "no manifest names it"))
                try:
                    await _checked(objects, file, Path(folder), sql)
                except Corrupt as error:
                    what: Literal["missing", "damaged"] = "missing" if "is missing" in str(error) else "damaged"
                    findings.append(Finding(what, file.name, str(error)))
                    if quarantine:
                        await archive.put_aside(file.name, str(error))
            counted = sql.execute("SELECT count(*), count(DISTINCT log_id) FROM ids").fetchone()
        found, distinct = counted or (0, 0)
        ids += distinct
        if found > distinct:
            findings.append(Finding("twice", f"policy={one.policy} day {one.day}", f"{found - distinct} rows"))
    if policy is None and day is None:
        findings += await _unlisted(objects, archive, named)
    return Verified(days=days, files=total, rows=rows, distinct_ids=ids, findings=findings)


async def rebuild(objects: Objects, archive: Archive) -> int:
    """Adds to the list what manifests name and it doesn't have; how many files. Manifests whose objects are gone, as
    after an expiry, are passed over. Raises Unavailable, and Corrupt when a manifest can't be read."""
    there = {one.name async for one in objects.list(names.DATA)}
    live, positions = await _from_manifests(objects, None)
    listed = {file.name for day in await archive.days() for file in await archive.files(day.policy, day.day)}
    garbage = {one.name for one in await archive.garbage(2**62, 10**9)}
    added = [file for name, file in live.items() if name in there and name not in listed | garbage]
    for start in range(0, len(added), 1_000):
        await archive.add(added[start : start + 1_000])
    if positions:
        await archive.add([], positions=positions)
    return len(added)


async def _is_whole(objects: Objects, file: ArchivedFile) -> bool:
    with tempfile.TemporaryDirectory(prefix="logd-verify-") as folder, duckdb.connect() as sql:
        sql.execute("CREATE TABLE ids (log_id VARCHAR)")
        try:
            await _checked(objects, file, Path(folder), sql)
        except Corrupt:
            return False
    return True


async def _checked(objects: Objects, file: ArchivedFile, folder: Path, sql: duckdb.DuckDBPyConnection) -> None:
    """Raises Corrupt."""
    path = folder / "file"
    await fetch(objects, file, path)
    await check_skip_index(objects, file)
    await finished(lambda: _read(file, path, sql))


def _read(file: ArchivedFile, path: Path, sql: duckdb.DuckDBPyConnection) -> None:
    try:
        with pq.ParquetFile(path) as parquet:
            rows = parquet.metadata.num_rows
            for batch in parquet.iter_batches(columns=["log_id"], use_threads=False):
                sql.register("some_ids", batch)
                sql.execute("INSERT INTO ids SELECT log_id FROM some_ids")
                sql.unregister("some_ids")
    except (OSError, ValueError) as error:
        raise Corrupt(f"{file.name} can't be read: {error}") from error
    if rows != file.rows:
        raise Corrupt(f"{file.name} has {rows} rows, not {file.rows}")


async def _named(objects: Objects, findings: list[Finding]) -> dict[str, ArchivedFile]:
    return (await _from_manifests(objects, findings))[0]


async def _from_manifests(
    objects: Objects, findings: list[Finding] | None
) -> tuple[dict[str, ArchivedFile], dict[int, int]]:
    """The files that manifests name and don't replace, and how far they go. Raises Corrupt without `findings`."""
    live: dict[str, ArchivedFile] = {}
    positions: dict[int, int] = {}
    async for name, kind in _manifests(objects):
        manifest: StreamManifest | DayManifest
        try:
            if kind is StreamManifest:
                manifest = await manifests.read(objects, name, StreamManifest)
            else:
                manifest = await manifests.read(objects, name, DayManifest)
        except (Corrupt, NotFound) as error:
            if findings is None:
                raise
            findings.append(Finding("damaged", name, str(error)))
            continue
        if isinstance(manifest, StreamManifest):
            positions[manifest.partition] = max(manifest.end, positions.get(manifest.partition, 0))
        elif any(removed not in live for removed in manifest.removed):
            continue  # another compaction had replaced them
        else:
            for removed in manifest.removed:
                del live[removed]
        live |= {file.name: file for file in manifest.files}
    return live, positions


async def _manifests(objects: Objects) -> AsyncIterator[tuple[str, type[StreamManifest] | type[DayManifest]]]:
    """First those of the stream, then those of days as they were made."""
    async for one in objects.list(f"{names.MANIFESTS}partition="):
        yield one.name, StreamManifest
    found = [one.name async for one in objects.list(f"{names.MANIFESTS}policy=")]
    for name in sorted(found, key=lambda name: (files.id_of(name) or (0, ""), name)):
        yield name, DayManifest


async def _unlisted(objects: Objects, archive: Archive, named: dict[str, ArchivedFile]) -> list[Finding]:
    """What has expired is named for ever, but isn't there."""
    there = {one.name async for one in objects.list(names.DATA)}
    listed = {file.name for day in await archive.days() for file in await archive.files(day.policy, day.day)}
    listed |= {one.name for one in await archive.garbage(2**62, 10**9)}
    return [Finding("unlisted", name, "the catalog doesn't have it") for name in named if name in there - listed]
