"""What agents say of themselves, in a catalog; see seams.Agents."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import AGENTS as TABLE
from logd.errors import Unavailable
from logd.flow.clock import now_us
from logd.seams import AGENT_AHEAD_US, MAX_AGENTS, AgentReport, SeenAgent

log = logging.getLogger("logd.catalog")
#: Of one statement: SQLite takes 32,766 parameters.
_KEYS = 1_000
_decode = msgspec.json.Decoder(AgentReport).decode


class CatalogAgents:
    """The table `agents`, a row an agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, seen: Sequence[SeenAgent]) -> bool:
        """See Agents."""
        rows = {
            one.report.key: {
                "id": one.report.key,
                "host": one.report.host,
                "report": msgspec.json.encode(one.report).decode(),
                "seen_us": one.seen_us,
            }
            for one in seen
        }
        ahead_us = now_us() + AGENT_AHEAD_US
        # In the order of their keys, so that two who write the same don't wait for one another.
        keys = sorted(rows)
        try:
            async with self._database.writing() as connection:
                for some in _some(keys):
                    asked = select(TABLE.c.id, TABLE.c.seen_us).where(TABLE.c.id.in_(some)).with_for_update()
                    known = {row.id: row.seen_us for row in await connection.execute(asked)}
                    seen_us = {key: us for key, us in known.items() if us <= ahead_us}
                    newer = [rows[key] for key in some if rows[key]["seen_us"] > seen_us.get(key, -1)]
                    if old := [row["id"] for row in newer if row["id"] in known]:
                        await connection.execute(delete(TABLE).where(TABLE.c.id.in_(old)))
                    if newer:
                        await connection.execute(insert(TABLE), newer)
        except IntegrityError as error:
            raise Unavailable("others write the same agents at the same time") from error
        return True

    async def all(self) -> Sequence[SeenAgent]:
        """See Agents."""
        async with self._database.reading() as connection:
            asked = select(TABLE.c.id, TABLE.c.report, TABLE.c.seen_us).order_by(TABLE.c.seen_us.desc())
            rows = (await connection.execute(asked.limit(MAX_AGENTS))).all()
        # 100 ms of 20,000 (⏱), in which others are answered.
        return await asyncio.to_thread(_decoded, rows)

    async def forget(self, before_us: int) -> int:
        """See Agents."""
        newest = select(TABLE.c.seen_us).order_by(TABLE.c.seen_us.desc()).offset(MAX_AGENTS).limit(1)
        async with self._database.writing() as connection:
            surplus_us = await connection.scalar(newest)
            upto_us = before_us if surplus_us is None else max(before_us, surplus_us + 1)
            return (await connection.execute(delete(TABLE).where(TABLE.c.seen_us < upto_us))).rowcount


def _decoded(rows: Sequence[Any]) -> Sequence[SeenAgent]:
    found = []
    for row in rows:
        try:
            found.append(SeenAgent(_decode(row.report), row.seen_us))
        except (msgspec.MsgspecError, TypeError) as error:
            log.error("what the catalog has of the agent %r is damaged: %s", row.id, error)
    return found


def _some(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS):
        yield keys[start : start + _KEYS]
