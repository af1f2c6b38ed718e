"""Calls in threads, for callers that can be cancelled meanwhile: a thread can't."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar


class _Closes(Protocol):
    def close(self) -> object: ...


T = TypeVar("T")
C = TypeVar("C", bound=_Closes)


async def finished(call: Callable[[], T]) -> T:
    """What the call gives. Who is cancelled waits for its end: what it uses is closed next."""
    return await _ended(asyncio.get_running_loop().run_in_executor(None, call))


async def opened(call: Callable[[], C]) -> C:
    """What the call opens, for the caller to close; closed already for who is cancelled."""
    opening = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        return await _ended(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


async def _ended(call: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        raise


def _close(opening: asyncio.Future[C]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
