"""What the catalog's modules need of the database under it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Database(Protocol):
    """A database of today's schema, which other processes may use at the same time. Both raise Unavailable, and
    Corrupt when what is there can't be read."""

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection within a transaction."""
        ...

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """The same with the right to write; what was done is durable once the block has ended, or undone. Raises
        IntegrityError too."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...
