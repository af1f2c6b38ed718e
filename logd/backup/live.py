"""What a backup of a running server needs from it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import NamedTuple


class Live(NamedTuple):
    """`paused`: within it the transport stores nothing, so that nobody is told "accepted". `lease`: within it the files
    of all segments of now stay. `put_aside`: takes damaged segments, by id with the reason, out of the index."""

    paused: Callable[[], AbstractAsyncContextManager[None]]
    lease: Callable[[], AbstractContextManager[None]]
    put_aside: Callable[[Mapping[int, str]], Awaitable[None]]


@contextlib.asynccontextmanager
async def _nothing_runs() -> AsyncIterator[None]:
    yield


async def _leave(damaged: Mapping[int, str]) -> None:
    """The next start will find out."""


#: Of a data folder that no server uses.
AT_REST = Live(_nothing_runs, contextlib.nullcontext, _leave)
