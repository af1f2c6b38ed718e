"""Tokens in a catalog; see seams.Tokens."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import TOKENS
from logd.errors import Conflict, Corrupt, NotFound
from logd.tokens import Scope, Token

log = logging.getLogger("logd.catalog")
_ONE = TOKENS.select().limit(1)


class CatalogTokens:
    """The table `tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, token: Token) -> None:
        """See Tokens."""
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(TOKENS).values(_row(token)))
        except IntegrityError:
            raise Conflict(f"there is a token {token.id!r} already") from None

    async def all(self) -> Sequence[Token]:
        """See Tokens."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(TOKENS).order_by(TOKENS.c.created_us, TOKENS.c.id))).all()
        found = []
        for row in rows:
            try:
                found.append(_token(row))
            except Corrupt as error:
                log.error("%s", error)
        return found

    async def find(self, token_id: str) -> Token | None:
        """See Tokens."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(TOKENS).where(TOKENS.c.id == token_id))).first()
        return None if row is None else _token(row)

    async def revoke(self, token_id: str, at_us: int) -> Token:
        """See Tokens."""
        async with self._database.writing() as connection:
            row = (await connection.execute(select(TOKENS).where(TOKENS.c.id == token_id).with_for_update())).first()
            if row is None:
                raise NotFound(f"there is no token {token_id!r}")
            token = _token(row, checked=False)
            if token.revoked_us is None:
                token = msgspec.structs.replace(token, revoked_us=at_us)
                await connection.execute(update(TOKENS).where(TOKENS.c.id == token_id).values(_row(token)))
        return token

    async def ever(self) -> bool:
        """See Tokens."""
        async with self._database.reading() as connection:
            return (await connection.execute(_ONE)).first() is not None

    async def close(self) -> None:
        """See Tokens."""
        await self._database.close()


def _row(token: Token) -> dict[str, Any]:
    row = {
        **msgspec.structs.asdict(token),
        "scopes": ",".join(sorted(token.scopes)),
        "services": msgspec.json.encode(token.services).decode(),
        "hosts": msgspec.json.encode(token.hosts).decode(),
    }
    return {**row, "checksum": _checksum(row)}


def _token(row: Any, checked: bool = True) -> Token:
    """Raises Corrupt when the row isn't what was written."""
    values = dict(row._mapping)
    checksum = values.pop("checksum")
    try:
        if checked and checksum != _checksum(values):
            raise ValueError("its checksum differs")
        return Token(
            **{
                **values,
                "scopes": frozenset(map(Scope, values["scopes"].split(","))),
                "services": msgspec.json.decode(values["services"], type=tuple[str, ...]),
                "hosts": msgspec.json.decode(values["hosts"], type=tuple[str, ...]),
            }
        )
    except (ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise Corrupt(f"token {values['id']!r} is damaged ({error}): revoke it, and create another") from error


def _checksum(values: dict[str, Any]) -> int:
    return crc32(repr([values[name] for name in sorted(values)]).encode())
