"""Retention policies in a catalog; see seams.RetentionPolicies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import RETENTION_POLICIES as TABLE
from logd.errors import Conflict, Corrupt, NotFound
from logd.seams import MAX_POLICIES, RetentionPolicy

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_LATEST = TABLE.c.until_us.is_(None)
_COUNT = select(func.count()).select_from(TABLE).where(_LATEST)
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class CatalogRetention:
    """The table `retention_policies`, which has a row for each version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[RetentionPolicy]:
        """See RetentionPolicies."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(TABLE).where(_LATEST).order_by(TABLE.c.name))).all()
        return [_policy(row) for row in rows]

    async def history(self) -> Sequence[RetentionPolicy]:
        """See RetentionPolicies."""
        order = (TABLE.c.from_us, TABLE.c.name, TABLE.c.version)
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(TABLE).order_by(*order))).all()
        return [_policy(row) for row in rows]

    async def create(self, policy: RetentionPolicy) -> RetentionPolicy:
        """See RetentionPolicies."""
        try:
            async with self._database.writing() as connection:
                last = await _last(connection, policy.name)
                if last is not None and last.until_us is None:
                    raise _taken(policy)
                if (await connection.scalar(_COUNT) or 0) >= MAX_POLICIES:
                    raise Conflict(f"there are {MAX_POLICIES} retention policies, more is too many: delete one")
                # Deleted a moment ago, it is in force a bit longer.
                made = _next(policy, 0, 0) if last is None else _next(policy, last.version, last.until_us or 0)
                await connection.execute(insert(TABLE).values(_row(made)))
        except IntegrityError:
            raise _taken(policy) from None
        return made

    async def replace(self, policy: RetentionPolicy) -> RetentionPolicy:
        """See RetentionPolicies."""
        async with self._database.writing() as connection:
            last = await _expected(connection, policy.name, policy.version)
            made = _next(policy, last.version, last.from_us)
            await _end(connection, last, made.from_us)
            await connection.execute(insert(TABLE).values(_row(made)))
        return made

    async def delete(self, name: str, version: int, until_us: int) -> None:
        """See RetentionPolicies."""
        async with self._database.writing() as connection:
            last = await _expected(connection, name, version)
            await _end(connection, last, max(until_us, last.from_us))


def _next(policy: RetentionPolicy, version: int, least_us: int) -> RetentionPolicy:
    """The version behind `version`, which begins at `least_us` at the earliest: clocks of servers differ."""
    from_us = max(policy.from_us, least_us)
    return msgspec.structs.replace(policy, version=version + 1, from_us=from_us, until_us=None)


async def _last(connection: AsyncConnection, name: str) -> RetentionPolicy | None:
    """Also one that was deleted."""
    query = select(TABLE).where(TABLE.c.name == name).order_by(TABLE.c.version.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return None if row is None else _policy(row)


async def _expected(connection: AsyncConnection, name: str, version: int) -> RetentionPolicy:
    """The latest version, which is this one."""
    last = await _last(connection, name)
    if last is None or last.until_us is not None:
        raise NotFound(f"there is no retention policy {name!r}")
    if last.version != version:
        raise _changed(last, version)
    return last


async def _end(connection: AsyncConnection, last: RetentionPolicy, until_us: int) -> None:
    """What was read may be another one's by now: MariaDB only says so here."""
    which = update(TABLE).where(TABLE.c.name == last.name, TABLE.c.version == last.version, _LATEST)
    if (await connection.execute(which.values(until_us=until_us))).rowcount != 1:
        raise _changed(last, last.version)


def _taken(policy: RetentionPolicy) -> Conflict:
    return Conflict(f"there is a retention policy {policy.name!r} already", "name")


def _changed(last: RetentionPolicy, version: int) -> Conflict:
    by = f" by {last.updated_by!r}" if last.updated_by else ""
    said = f"it has version {last.version}, not {version}" if last.version != version else "ask for it again"
    return Conflict(f"the retention policy {last.name!r} was changed meanwhile{by}: {said}", "version")


def _row(policy: RetentionPolicy) -> dict[str, Any]:
    return {**msgspec.structs.asdict(policy), "services": msgspec.json.encode(policy.services).decode()}


def _policy(row: Any) -> RetentionPolicy:
    """Raises Corrupt when the row isn't what was written."""
    values = dict(row._mapping)
    try:
        return RetentionPolicy(**{**values, "services": _decode(values["services"])})
    except (TypeError, msgspec.MsgspecError) as error:
        raise Corrupt(f"the retention policy {values['name']!r} is damaged: {error}") from error
