"""A catalog that isn't there until somebody creates a token: so nobody pays for SQLAlchemy who has none.

SQLAlchemy takes 20 MB and a quarter of a second; it is loaded, in a thread, when there is a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from logd.errors import ConfigError, Corrupt, NotFound
from logd.tokens import Token

if TYPE_CHECKING:
    from logd.backends.catalog.tokens import CatalogTokens


class AppearingTokens:
    """The tokens in the SQLite catalog at `path`; see Tokens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: CatalogTokens | None = None
        self._opening = asyncio.Lock()

    async def open_if_there(self) -> None:
        """What a start does. Raises ConfigError when the file is there and can't be used."""
        if self._path.exists():
            await self._open()

    async def create(self, token: Token) -> None:
        """See Tokens; makes the file. Raises ConfigError when it can't be used."""
        await (await self._open()).create(token)

    async def all(self) -> Sequence[Token]:
        """See Tokens."""
        found = await self._if_there()
        return [] if found is None else await found.all()

    async def find(self, token_id: str) -> Token | None:
        """See Tokens."""
        found = await self._if_there()
        return None if found is None else await found.find(token_id)

    async def revoke(self, token_id: str, at_us: int) -> Token:
        """See Tokens."""
        found = await self._if_there()
        if found is None:
            raise NotFound(f"there is no token {token_id!r}: {self._path} does not exist")
        return await found.revoke(token_id, at_us)

    async def ever(self) -> bool:
        """See Tokens."""
        found = await self._if_there()
        return found is not None and await found.ever()

    async def close(self) -> None:
        """See Tokens."""
        if self._found is not None:
            await self._found.close()

    async def _if_there(self) -> CatalogTokens | None:
        """Raises Corrupt when a file that came after the start can't be used."""
        if self._found is None and not self._path.exists():
            return None
        try:
            return await self._open()
        except ConfigError as error:
            raise Corrupt(str(error)) from error

    async def _open(self) -> CatalogTokens:
        async with self._opening:
            if self._found is None:
                self._found = await (await asyncio.to_thread(_load))(self._path)
            return self._found


def _load() -> Callable[[Path], Awaitable[CatalogTokens]]:
    """Imported in a thread: a quarter of a second, in which others are answered."""
    from logd.backends.catalog.tokens import open_sqlite

    return open_sqlite
