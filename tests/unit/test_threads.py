"""Calls in threads whose callers are cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from logd.flow.threads import finished, opened


class _Call:
    """It has begun, and ends when it may; what it gives can be closed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = asyncio.Event()
        self.may_end = threading.Event()
        self.ended = False
        self.closed = asyncio.Event()
        self._error = error
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> _Call:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.may_end.wait(60)
        self.ended = True
        if self._error:
            raise self._error
        return self

    def close(self) -> None:
        self.closed.set()


async def test_what_is_opened_is_for_the_caller_to_close() -> None:
    call = _Call()
    call.may_end.set()
    assert await opened(call) is call
    assert not call.closed.is_set()


@pytest.mark.parametrize("how", [opened, finished])
async def test_who_is_cancelled_waits_and_what_was_opened_is_closed(how: Callable[[_Call], Awaitable[_Call]]) -> None:
    call = _Call()
    task = asyncio.ensure_future(how(call))
    await call.begun.wait()
    task.cancel()
    asyncio.get_running_loop().call_soon(call.may_end.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.ended
    if how is opened:
        await call.closed.wait()


async def test_who_is_cancelled_twice_waits_no_more() -> None:
    call = _Call()
    task = asyncio.create_task(opened(call))
    await call.begun.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.wait([task], timeout=0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not call.ended
    call.may_end.set()
    await call.closed.wait()


async def test_what_could_not_be_opened_is_the_callers_error_or_nobodys() -> None:
    call = _Call(OSError("full"))
    task = asyncio.create_task(opened(call))
    await call.begun.wait()
    task.cancel()
    call.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    other = _Call(OSError("full"))
    other.may_end.set()
    with pytest.raises(OSError, match="full"):
        await opened(other)
