"""The list of the archive's files, in a catalog; see seams.Archive."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import ARCHIVE_DAYS as DAYS
from logd.backends.catalog.tables import ARCHIVE_FILES as FILES
from logd.backends.catalog.tables import ARCHIVE_POSITIONS as POSITIONS
from logd.errors import Corrupt, Unavailable
from logd.flow.clock import now_us
from logd.seams import ArchivedDay, ArchivedFile, Garbage, StreamPositions

_LIVE, _ASIDE, _GARBAGE = "live", "aside", "garbage"
_SUMS = ("rows", "size_bytes", "skip_bytes", "raw_bytes")
#: Of names in one statement.
_NAMES = 1_000
#: Two who meet at the same new row do so once.
_TRIES = 3
_decode = msgspec.json.Decoder(dict[str, int]).decode


class _Replaced(Exception):
    """What was to be removed isn't there any more."""


class CatalogArchive:
    """The tables `archive_files`, `archive_days` and `archive_positions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, files: Sequence[ArchivedFile], removed: Sequence[str] = (), positions: StreamPositions | None = None
    ) -> bool:
        """See Archive."""
        for _ in range(_TRIES):
            with contextlib.suppress(IntegrityError):
                try:
                    async with self._database.writing() as connection:
                        await _add(connection, files, removed, positions or {})
                except _Replaced:
                    return False
                return True
        raise Unavailable("others change the same day of the archive at the same time")

    async def days(self, from_day: int | None = None, to_day: int | None = None) -> Sequence[ArchivedDay]:
        """See Archive."""
        of_day = (FILES.c.day == DAYS.c.day, FILES.c.policy == DAYS.c.policy, FILES.c.state != _GARBAGE)
        has_some = or_(DAYS.c.files > 0, exists().where(*of_day))
        asked = select(DAYS).where(has_some).order_by(DAYS.c.day, DAYS.c.policy)
        if from_day is not None:
            asked = asked.where(DAYS.c.day >= from_day)
        if to_day is not None:
            asked = asked.where(DAYS.c.day < to_day)
        async with self._database.reading() as connection:
            rows = (await connection.execute(asked)).all()
        return [ArchivedDay(**row._mapping) for row in rows]

    async def files(self, policy: str, day: int) -> Sequence[ArchivedFile]:
        """See Archive."""
        of_day = (FILES.c.day == day, FILES.c.policy == policy, FILES.c.state != _GARBAGE)
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(FILES).where(*of_day).order_by(FILES.c.name))).all()
        return list(map(_file, rows))

    async def positions(self) -> StreamPositions:
        """See Archive."""
        async with self._database.reading() as connection:
            return {row.partition: row.position for row in await connection.execute(select(POSITIONS))}

    async def put_aside(self, name: str, reason: str) -> None:
        """See Archive."""
        before, after = (_LIVE, _ASIDE) if reason else (_ASIDE, _LIVE)
        which = (FILES.c.name == name, FILES.c.state == before)
        async with self._database.writing() as connection:
            row = (await connection.execute(select(FILES.c.policy, FILES.c.day).where(*which))).first()
            if row is not None:
                aside = update(FILES).where(*which).values(state=after, reason=reason[:2_000], at_us=now_us())
                await connection.execute(aside)
                await _sum_up(connection, [(row.policy, row.day)])

    async def garbage(self, before_us: int, limit: int = 1_000) -> Sequence[Garbage]:
        """See Archive."""
        found = select(FILES.c.name, FILES.c.at_us).where(FILES.c.state == _GARBAGE, FILES.c.at_us < before_us)
        async with self._database.reading() as connection:
            rows = (await connection.execute(found.order_by(FILES.c.at_us).limit(limit))).all()
        return [Garbage(row.name, row.at_us) for row in rows]

    async def forget(self, names: Sequence[str]) -> None:
        """See Archive."""
        async with self._database.writing() as connection:
            for start in range(0, len(names), _NAMES):
                which = (FILES.c.name.in_(names[start : start + _NAMES]), FILES.c.state == _GARBAGE)
                await connection.execute(delete(FILES).where(*which))

    async def close(self) -> None:
        """Releases everything."""
        await self._database.close()


async def _add(
    connection: Any, files: Sequence[ArchivedFile], removed: Sequence[str], positions: StreamPositions
) -> None:
    """Raises _Replaced, and IntegrityError where others do the same."""
    known = {row.partition: row.position for row in await connection.execute(select(POSITIONS).with_for_update())}
    ahead = {partition: upto for partition, upto in positions.items() if upto > known.get(partition, -1)}
    if positions and not ahead:
        return  # it was done before, and the files may have been replaced since
    at_us, changed = now_us(), set()
    for start in range(0, len(removed), _NAMES):
        some = list(dict.fromkeys(removed[start : start + _NAMES]))
        here = (FILES.c.name.in_(some), FILES.c.state != _GARBAGE)
        rows = (await connection.execute(select(FILES.c.policy, FILES.c.day).where(*here).with_for_update())).all()
        if len(rows) != len(some):
            raise _Replaced
        changed |= {(row.policy, row.day) for row in rows}
        await connection.execute(update(FILES).where(*here).values(state=_GARBAGE, at_us=at_us))
    new = {file.name: file for file in files}
    for start in range(0, len(files), _NAMES):
        some = [file.name for file in files[start : start + _NAMES]]
        for row in await connection.execute(select(FILES.c.name).where(FILES.c.name.in_(some))):
            new.pop(row.name, None)
    if new:
        await connection.execute(insert(FILES), [_row(file, at_us) for file in new.values()])
        changed |= {(file.policy, file.day) for file in new.values()}
    await _sum_up(connection, sorted(changed))
    for partition, upto in ahead.items():
        which = POSITIONS.c.partition == partition
        if partition in known:
            await connection.execute(update(POSITIONS).where(which).values(position=upto))
        else:
            await connection.execute(insert(POSITIONS).values(partition=partition, position=upto))


async def _sum_up(connection: Any, days: Iterable[tuple[str, int]]) -> None:
    """Makes what is told of days what their files are now."""
    for policy, day in days:
        live = (FILES.c.policy == policy, FILES.c.day == day, FILES.c.state == _LIVE)
        sums = [func.coalesce(func.sum(FILES.c[name]), 0).label(name) for name in _SUMS]
        row = (await connection.execute(select(func.count().label("files"), *sums).where(*live))).one()
        values = {name: int(getattr(row, name)) for name in ("files", *_SUMS)}
        which = (DAYS.c.policy == policy, DAYS.c.day == day)
        changed = await connection.execute(update(DAYS).where(*which).values(version=DAYS.c.version + 1, **values))
        if not changed.rowcount:
            await connection.execute(insert(DAYS).values(policy=policy, day=day, version=1, **values))


def _row(file: ArchivedFile, at_us: int) -> dict[str, Any]:
    # As text: MariaDB's driver can't write several rows of bytes.
    texts = {"pieces": base64.b64encode(file.pieces).decode(), "services": msgspec.json.encode(file.services).decode()}
    return {**msgspec.structs.asdict(file), **texts, "state": _ASIDE if file.reason else _LIVE, "at_us": at_us}


def _file(row: Any) -> ArchivedFile:
    """Raises Corrupt when the row isn't what was written."""
    values = {name: value for name, value in row._mapping.items() if name not in ("state", "at_us")}
    try:
        read = {"pieces": base64.b64decode(values["pieces"], validate=True), "services": _decode(values["services"])}
        return ArchivedFile(**{**values, **read})
    except (TypeError, ValueError) as error:
        raise Corrupt(f"what is told of the archive's file {values['name']!r} is damaged: {error}") from error
