"""Silences and acknowledgements in a catalog; see seams.Silences and seams.Acknowledgements."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import ACKNOWLEDGEMENTS, SILENCES
from logd.errors import Conflict, Corrupt, NotFound, Unavailable
from logd.seams import MAX_SILENCES, SILENCE_KEPT_US, Acknowledgement, Silence

log = logging.getLogger("logd.catalog")
_COUNT = select(func.count()).select_from(SILENCES)
#: Nobody takes back what was acknowledged a moment ago, twice.
_TRIES = 3
_decode_globs = msgspec.json.Decoder(dict[str, str]).decode
_decode_group = msgspec.json.Decoder(tuple[str | None, ...]).decode


class CatalogSilences:
    """The table `silences`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, silence: Silence) -> None:
        """See Silences."""
        old = SILENCES.c.to_us < silence.created_us - SILENCE_KEPT_US
        # On its own: MariaDB would hold what it has looked through, and two who create would wait for one another.
        async with self._database.writing() as connection:
            await connection.execute(delete(SILENCES).where(old))
        try:
            async with self._database.writing() as connection:
                if (await connection.scalar(_COUNT) or 0) >= MAX_SILENCES:
                    raise Conflict(f"there are {MAX_SILENCES:,} silences, more is too many: delete one")
                await connection.execute(insert(SILENCES).values(_row(silence)))
        except IntegrityError:
            raise Conflict(f"there is a silence {silence.id!r} already") from None

    async def all(self) -> Sequence[Silence]:
        """See Silences."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(SILENCES).order_by(SILENCES.c.to_us, SILENCES.c.id))).all()
        found = []
        for row in rows:
            try:
                found.append(_silence(row))
            except Corrupt as error:
                log.error("%s", error)
        return found

    async def find(self, silence_id: str) -> Silence | None:
        """See Silences."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(SILENCES).where(SILENCES.c.id == silence_id))).first()
        return None if row is None else _silence(row)

    async def delete(self, silence_id: str) -> None:
        """See Silences."""
        async with self._database.writing() as connection:
            done = await connection.execute(delete(SILENCES).where(SILENCES.c.id == silence_id))
            if done.rowcount != 1:
                raise NotFound(f"there is no silence {silence_id!r}")

    async def close(self) -> None:
        """See Silences."""
        await self._database.close()


class CatalogAcknowledgements:
    """The table `acknowledgements`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, acknowledgement: Acknowledgement) -> None:
        """See Acknowledgements."""
        group = msgspec.json.encode(acknowledgement.group).decode()
        key = _key(acknowledgement.rule_id, acknowledgement.group)
        row = {**msgspec.structs.asdict(acknowledgement), "id": key, "group": group}
        # Each on its own, as of silences: a new one, or in the place of another, which may go or come meanwhile.
        for _ in range(_TRIES):
            with contextlib.suppress(IntegrityError):
                async with self._database.writing() as connection:
                    await connection.execute(insert(ACKNOWLEDGEMENTS).values(row))
                return
            async with self._database.writing() as connection:
                which = update(ACKNOWLEDGEMENTS).where(ACKNOWLEDGEMENTS.c.id == key)
                if (await connection.execute(which.values(row))).rowcount:
                    return
        raise Unavailable("others acknowledge it, and take it back, at the same time")

    async def all(self) -> Sequence[Acknowledgement]:
        """See Acknowledgements."""
        order = (ACKNOWLEDGEMENTS.c.at_us, ACKNOWLEDGEMENTS.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(ACKNOWLEDGEMENTS).order_by(*order))).all()
        found = []
        for row in rows:
            values = dict(row._mapping)
            key = values.pop("id")
            try:
                found.append(Acknowledgement(**{**values, "group": _decode_group(values["group"])}))
            except (TypeError, msgspec.MsgspecError) as error:
                log.error("the acknowledgement %s of %r is damaged: %s", key, values["rule_id"], error)
        return found

    async def remove(self, rule_id: str, group: tuple[str | None, ...] | None = None) -> int:
        """See Acknowledgements."""
        which = ACKNOWLEDGEMENTS.c.rule_id == rule_id
        if group is not None:
            which = ACKNOWLEDGEMENTS.c.id == _key(rule_id, group)
        async with self._database.writing() as connection:
            return int((await connection.execute(delete(ACKNOWLEDGEMENTS).where(which))).rowcount)

    async def close(self) -> None:
        """See Acknowledgements."""
        await self._database.close()


def _key(rule_id: str, group: tuple[str | None, ...]) -> str:
    """Shorter than the group, which MariaDB couldn't have in a key."""
    return hashlib.sha256(msgspec.json.encode([rule_id, *group])).hexdigest()


def _row(silence: Silence) -> dict[str, Any]:
    row = msgspec.structs.asdict(silence)
    return {**row, **{name: msgspec.json.encode(row[name]).decode() for name in ("labels", "group")}}


def _silence(row: Any) -> Silence:
    """Raises Corrupt when the row isn't what was written."""
    values = dict(row._mapping)
    try:
        return Silence(**{**values, **{name: _decode_globs(values[name]) for name in ("labels", "group")}})
    except (TypeError, msgspec.MsgspecError) as error:
        raise Corrupt(f"the silence {values['id']!r} is damaged: {error}") from error
