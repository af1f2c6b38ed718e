"""Making a backup of a data folder, also of one that a server uses.

    lease on the segments ── transport paused ── a read transaction on each database ── transport goes on ── copying

The read transactions are of one moment, at which nobody was being told "accepted". So the agent's state has every batch
that the transport has, and none more that it takes for sent; and the transport still holds what the manifest's
segments don't have, since nothing was deleted between the two. The pause takes milliseconds; copying may take hours,
and lines come in and are searched all the while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from logd import __version__
from logd.backup import about, files
from logd.backup.about import Backup, Damaged
from logd.backup.archive import OBJECTS, copy_archive
from logd.backup.live import Live
from logd.errors import ConfigError, Conflict, Unavailable
from logd.flow import crash
from logd.store import folder
from logd.store.manifest import NO_CRC, Change, Manifest, quarantined_now
from logd.store.segments import Segment

log = logging.getLogger("logd.backup")
_INDEX = Path("index")
_MANIFEST = _INDEX / folder.MANIFEST
_CATALOG = Path("catalog.db")
#: What there may be in a data folder, all of it but the segments and the archive.
DATABASES = (Path("agent.db"), Path("alerts.db"), _CATALOG, Path("transport.db"), _MANIFEST)
#: Between two looks whether to give up: 16 MB of the transport, 1 MB of the others.
_PAGES = 256
T = TypeVar("T")


class _Halted(Exception):
    """Nobody waits for the backup any more."""


async def make(data_dir: Path, directory: Path, live: Live) -> Backup:
    """Makes `directory` a backup; it may be empty or missing. Cancelling gives up. Raises Conflict when the directory
    can't be taken, ConfigError when what is to be copied is damaged, Unavailable when it can't be written. What was
    copied is removed then."""
    halted = threading.Event()

    def check() -> None:
        if halted.is_set():
            raise _Halted

    await asyncio.to_thread(_begin, data_dir, directory)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(live.lease())
            async with live.paused():
                moment = await _to_its_end(lambda: _moment(data_dir, stack), halted)
            backup, damaged = await _to_its_end(lambda: _copy(moment, data_dir, directory, check), halted)
    except BaseException as error:
        await asyncio.shield(asyncio.to_thread(_remove, directory))
        if isinstance(error, OSError | sqlite3.Error):
            reason = getattr(error, "strerror", None) or str(error)
            raise Unavailable(f"no backup was made in {directory}: {reason}") from error
        if isinstance(error, ConfigError):  # it speaks of the copy
            raise ConfigError(str(error).replace(str(directory), str(data_dir))) from error
        raise
    if damaged:
        await live.put_aside(damaged)
    return backup


async def _to_its_end(call: Callable[[], T], halted: threading.Event) -> T:
    """What the call gives in a thread. Cancelling makes it end soon, and waits for that."""
    future = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        halted.set()
        await asyncio.wait([future])
        future.exception()  # nobody is left to ask for it
        raise


def _begin(data_dir: Path, directory: Path) -> None:
    if directory.resolve().is_relative_to(data_dir.resolve()):
        raise Conflict(f"{directory} is in the data folder: a backup belongs elsewhere, best on another disk")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise Conflict(f"{directory} is not empty: a backup needs a folder of its own")
    except OSError as error:
        raise Conflict(f"{directory} can't be used: {error.strerror}") from error


def _moment(data_dir: Path, stack: contextlib.ExitStack) -> Mapping[Path, sqlite3.Connection]:
    """The databases that there are, each with a read transaction that has begun."""
    moment = {}
    for name in DATABASES:
        path = data_dir / name
        if path.exists():
            uri = f"{path.absolute().as_uri()}?mode=ro"
            db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            stack.enter_context(contextlib.closing(db))
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # a transaction begins with its first read
            moment[name] = db
    # The agent's state, as it is by now, takes what is there for sent.
    if any((data_dir / "spool").glob("*.spool")):
        raise Unavailable(
            f"no backup was made: lines wait in the agent's spool {data_dir / 'spool'}, which it wouldn't have: "
            "make it when they are sent"
        )
    return moment


def _copy(
    moment: Mapping[Path, sqlite3.Connection], data_dir: Path, directory: Path, check: Callable[[], None]
) -> tuple[Backup, Mapping[int, str]]:
    """The backup, and the segments that are damaged, by id with the reason. Raises OSError, sqlite3.Error,
    ConfigError."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    for name, db in moment.items():
        (directory / name).parent.mkdir(exist_ok=True)
        with contextlib.closing(sqlite3.connect(directory / name, isolation_level=None)) as copy:
            # Without a pause between the steps: it is no lock that others wait for.
            db.backup(copy, pages=_PAGES, progress=lambda *_: check(), sleep=0)
        db.close()  # or its WAL would grow for as long as segments are copied
    copied: dict[str, tuple[int, int]] = {}
    segments: list[Segment] = []
    damaged: dict[int, str] = {}
    positions: Mapping[int, int] = {}
    damage: list[Damaged] = []
    if _MANIFEST in moment:
        with contextlib.closing(Manifest.open(directory / _MANIFEST)) as manifest:
            copied, damaged = _copy_segments(manifest.segments(), data_dir, directory, check)
            damage = _leave_out(manifest, damaged, copied)
            segments, positions = manifest.segments(), manifest.positions()
    if (data_dir / OBJECTS).is_dir():
        archived, missing = copy_archive(data_dir, directory, _CATALOG, check)
        copied |= archived
        damage = [*damage, *missing]
        for one in missing:
            log.error("%s of the archive, with %d rows, is not in the backup: %s", one.file, one.rows, one.reason)
    for name in moment:
        with (directory / name).open("rb") as file:
            copied[str(name)] = files.checksum(file, check)
    crash.point("backup.copied")
    files.sync_folders(directory)
    backup = Backup(
        logd=__version__,
        at=at,
        positions=dict(positions),
        segments=len(segments),
        rows=sum(segment.rows for segment in segments),
        bytes=sum(size for size, _ in copied.values()),
        files=copied,
        damaged=damage,
    )
    about.write(directory, backup)
    files.sync_folders(directory)
    return backup, damaged


def _copy_segments(
    segments: list[Segment], data_dir: Path, directory: Path, check: Callable[[], None]
) -> tuple[dict[str, tuple[int, int]], dict[int, str]]:
    """Size and CRC-32 of what was copied, by name; and the damaged, by id with the reason."""
    copied: dict[str, tuple[int, int]] = {}
    damaged: dict[int, str] = {}
    for segment in segments:
        name = _INDEX / segment.file
        try:
            found = files.copy(data_dir / name, directory / name, check)
        except files.Unreadable as error:
            damaged[segment.id] = str(error).lower()
            continue
        crash.point("backup.segment")
        if reason := _damage(segment, *found):
            damaged[segment.id] = reason
            (directory / name).unlink()
            continue
        copied[str(name)] = found
        if segment.skip_bytes:
            name = _INDEX / segment.skip_file
            with contextlib.suppress(files.Unreadable):
                if (skip := files.copy(data_dir / name, directory / name, check)) == _skip_index(segment):
                    copied[str(name)] = skip
                else:
                    (directory / name).unlink()
    return copied, damaged


def _damage(segment: Segment, size: int, crc: int) -> str:
    if size != segment.size_bytes:
        return f"it has {size} bytes, it was written with {segment.size_bytes}"
    if segment.crc not in (crc, NO_CRC):
        return f"its checksum is {crc:08x}, it was written with {segment.crc:08x}"
    return ""


def _skip_index(segment: Segment) -> tuple[int, int]:
    return segment.skip_bytes, segment.skip_crc


def _leave_out(manifest: Manifest, damaged: Mapping[int, str], copied: Mapping[str, object]) -> list[Damaged]:
    """Makes the copied manifest name what was copied, and nothing else."""
    segments = manifest.segments()
    gone = [segment for segment in segments if segment.id in damaged]
    bare = [
        segment.with_skip_index(0, 0)
        for segment in segments
        if segment.id not in damaged and segment.skip_bytes and str(_INDEX / segment.skip_file) not in copied
    ]
    if gone or bare:
        change = Change(
            put=bare,
            removed=[segment.id for segment in gone],
            quarantined=[quarantined_now(segment, damaged[segment.id]) for segment in gone],
            counts={"rows_quarantined": sum(segment.rows for segment in gone)},
        )
        manifest.commit(change, "backup")
    for segment in gone:
        log.error("%s with %d rows is damaged, and not in the backup", segment.file, segment.rows)
    return [Damaged(segment.file, segment.rows, damaged[segment.id]) for segment in gone]


def _remove(directory: Path) -> None:
    """What was copied; the directory itself stays."""
    for name in (
        about.NAME,
        "index",
        str(OBJECTS),
        *(str(name) for name in DATABASES),
    ):  # without its own file it is no backup
        for path in directory.glob(f"{name}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
