"""What stands beside the way of a line: tokens, the cache of answers, and the archive's objects."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from logd.tokens import Token

#: Of a cache: what a request may wait for it, before its search and after it together.
CACHE_SECONDS = 0.05


class Tokens(Protocol):
    """The tokens that guard the API. Several processes may use them at the same time. Every call raises Unavailable
    when it can't be done now, and Corrupt when what is kept can't be made sense of."""

    async def create(self, token: Token) -> None:
        """Keeps it, durably. Raises Conflict when its id is taken."""
        ...

    async def all(self) -> Sequence[Token]:
        """The oldest first, those that are expired or revoked too. A damaged one is left out, and logged."""
        ...

    async def find(self, token_id: str) -> Token | None:
        """As it is kept now, whatever its state; None when there never was one. Raises Corrupt when it is damaged."""
        ...

    async def revoke(self, token_id: str, at_us: int) -> Token:
        """Revokes it, durably, and gives it; one that is revoked stays as it is. Raises NotFound."""
        ...

    async def ever(self) -> bool:
        """Whether there is a token, or was one: an API that was closed doesn't open when its last token goes."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...


class Cache(Protocol):
    """A short memory for answers, which processes may share. Lossy: what was put may be gone at any moment, or be what
    another process has put. Nothing raises, and no call takes longer than `within` seconds, or CACHE_SECONDS: when what
    is behind it is slow or gone, nothing is found, which metrics count."""

    async def get(self, key: str, within: float | None = None) -> bytes | None:
        """What was put last, within its time; None when that isn't known."""
        ...

    async def put(self, key: str, value: bytes, seconds: float, within: float | None = None) -> None:
        """Keeps it, for so long at most; one that is too large isn't kept."""
        ...

    def status(self) -> dict[str, Any]:
        """For people: what is behind it, and what is wrong with that."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...


class StoredObject(NamedTuple):
    """An object of a store."""

    name: str
    size: int


class Objects(Protocol):
    """Files that are written once, whole, and never changed. What was put or deleted is so for every call of any
    process from then on. Names are parts of ASCII letters, digits and a few signs, with slashes between them; none goes
    on with a slash where another ends. Every call raises Unavailable when it can't be done now."""

    async def put(self, name: str, content: AsyncIterable[bytes]) -> int:
        """Keeps what `content` gives, durably; its size. Before, nobody sees anything of it, and when this is cancelled
        or `content` raises, nothing stays. Raises Conflict when the name is taken: of many who put it at the same time
        one succeeds. After Unavailable it may be there, or appear."""
        ...

    def get(
        self, name: str, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Its bytes from `start` to before `end`, as far as there are any, in blocks. Raises NotFound."""
        ...

    def list(self, prefix: str = "", after: str = "") -> AsyncIterator[StoredObject]:
        """Those whose names begin with `prefix` and come behind `after`, in the order of their bytes."""
        ...

    async def delete(self, name: str) -> None:
        """Durably; nothing happens when it isn't there."""
        ...

    async def size(self, name: str) -> int:
        """Raises NotFound."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...
