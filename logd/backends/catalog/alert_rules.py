"""Alert rules in a catalog; see seams.AlertRules."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import ALERT_RULES as TABLE
from logd.errors import Conflict, Corrupt, NotFound
from logd.seams import MAX_RULES, AlertRule
from logd.tokens import ID

log = logging.getLogger("logd.catalog")
_COUNT = select(func.count()).select_from(TABLE)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class CatalogAlertRules:
    """The table `alert_rules`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, rule: AlertRule) -> None:
        """See AlertRules."""
        try:
            async with self._database.writing() as connection:
                if (await connection.scalar(_COUNT) or 0) >= MAX_RULES:
                    raise Conflict(f"there are {MAX_RULES:,} alert rules, more is too many: delete one")
                await connection.execute(insert(TABLE).values(_row(rule)))
        except IntegrityError:
            raise _taken(rule) from None

    async def all(self) -> Sequence[AlertRule]:
        """See AlertRules."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(TABLE).order_by(TABLE.c.name))).all()
        found = []
        for row in rows:
            try:
                found.append(_rule(row))
            except Corrupt as error:
                log.error("%s", error)
        return found

    async def find(self, key: str) -> AlertRule | None:
        """See AlertRules."""
        column = TABLE.c.id if ID.fullmatch(key) else TABLE.c.name
        async with self._database.reading() as connection:
            row = (await connection.execute(select(TABLE).where(column == key))).first()
        return None if row is None else _rule(row)

    async def update(self, rule: AlertRule) -> AlertRule:
        """See AlertRules."""
        changed = msgspec.structs.replace(rule, version=rule.version + 1)
        try:
            async with self._database.writing() as connection:
                done = await connection.execute(
                    update(TABLE).where(TABLE.c.id == rule.id, TABLE.c.version == rule.version).values(_row(changed))
                )
                if done.rowcount != 1:
                    await _refuse(connection, rule.id, rule.version)
        except IntegrityError:
            raise _taken(rule) from None
        return changed

    async def delete(self, rule_id: str, version: int) -> None:
        """See AlertRules."""
        async with self._database.writing() as connection:
            done = await connection.execute(delete(TABLE).where(TABLE.c.id == rule_id, TABLE.c.version == version))
            if done.rowcount != 1:
                await _refuse(connection, rule_id, version)

    async def close(self) -> None:
        """See AlertRules."""
        await self._database.close()


async def _refuse(connection: Any, rule_id: str, version: int) -> NoReturn:
    """Says why nothing has this id and version."""
    row = (await connection.execute(select(TABLE).where(TABLE.c.id == rule_id))).first()
    if row is None:
        raise NotFound(f"there is no alert rule {rule_id!r}")
    by = f" by {row.updated_by!r}" if row.updated_by else ""
    raise Conflict(
        f"the alert rule {row.name!r} was changed meanwhile{by}: it has version {row.version}, not {version}",
        "version",
    )


def _taken(rule: AlertRule) -> Conflict:
    return Conflict(f"there is an alert rule {rule.name!r} already", "name")


def _row(rule: AlertRule) -> dict[str, Any]:
    return {**msgspec.structs.asdict(rule), "rule": msgspec.json.encode(rule.rule).decode()}


def _rule(row: Any) -> AlertRule:
    """Raises Corrupt when the row isn't what was written."""
    values = dict(row._mapping)
    try:
        return AlertRule(**{**values, "rule": _decode(values["rule"])})
    except (TypeError, msgspec.MsgspecError) as error:
        raise Corrupt(f"the alert rule {values['name']!r} is damaged: {error}") from error
