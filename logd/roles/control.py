"""The control socket: `DATA_DIR/control.sock`, where commands on this machine ask the running process for something.

    POST /backup {"directory": "/absolute/path"}     200 and the Backup, or {"error": {code, message}}

Only the user who runs the process can connect. A client that goes away gives up what it asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logd.errors import BadRequest, Conflict, LogdError

if TYPE_CHECKING:
    from aiohttp import web

    from logd.backup.about import Backup

log = logging.getLogger("logd.control")
SOCKET = "control.sock"
#: The kernel's sockaddr_un has 108, the last is NUL.
MAX_PATH_BYTES = 107
#: What answers have to end in at a stop; a backup that is under way is given up.
_STOP_SECONDS = 0.1


@contextlib.asynccontextmanager
async def serving(path: Path, backup: Callable[[Path], Awaitable[Backup]]) -> AsyncIterator[None]:
    """Serves within it, and removes the socket after; a stale one is replaced, since the data folder is locked. Without
    a socket, which is said in the log, the process does all but this."""
    from aiohttp import web

    control = _Control(backup)
    app = web.Application()
    app.router.add_post("/backup", control.backup)
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, handler_cancellation=True, shutdown_timeout=_STOP_SECONDS
    )
    await runner.setup()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(control.idle.wait)
        stack.push_async_callback(runner.cleanup)
        try:
            bound = stack.enter_context(bound_to(path))
        except OSError as error:
            log.warning("no control socket, so that `logd store backup` needs this process stopped: %s", error)
        else:
            assert runner.server is not None
            server = await asyncio.get_running_loop().create_unix_server(runner.server, sock=bound)
            stack.callback(server.close)
        yield


@contextlib.contextmanager
def bound_to(path: Path) -> Iterator[socket.socket]:
    """A Unix socket there, which replaces a stale one and goes at the end. Raises OSError."""
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise OSError(f"{path} has more than {MAX_PATH_BYTES} bytes")
    path.unlink(missing_ok=True)
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as bound:
        bound.bind(os.fspath(path))
        try:
            # Nobody can connect before it listens.
            path.chmod(0o600)
            yield bound
        finally:
            path.unlink(missing_ok=True)


class _Control:
    """The handlers."""

    def __init__(self, backup: Callable[[Path], Awaitable[Backup]]) -> None:
        self._backup = backup
        self.idle = asyncio.Event()
        self.idle.set()

    async def backup(self, request: web.Request) -> web.Response:
        """One at a time."""
        from aiohttp import web

        try:
            directory = _directory(await request.read())
            if not self.idle.is_set():
                raise Conflict("another backup is under way: one at a time")
            self.idle.clear()
            try:
                made = await self._backup(directory)
            finally:
                self.idle.set()
        except LogdError as error:
            status = {Conflict: 409, BadRequest: 400}.get(type(error), 503)
            log.warning("no backup: %s", error)
            return web.json_response({"error": {"code": type(error).__name__, "message": str(error)}}, status=status)
        except Exception as error:
            log.exception("no backup")
            return web.json_response({"error": {"code": "failed", "message": f"it failed: {error!r}"}}, status=500)
        return web.json_response(summary(made))


def summary(backup: Backup) -> dict[str, Any]:
    """The backup for people: without the list of its files."""
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(backup, str_keys=True)
    del found["files"], found["checksum"]
    return found


def _directory(body: bytes) -> Path:
    try:
        directory = json.loads(body)["directory"]
        if not os.path.isabs(directory) or "\0" in directory:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise BadRequest("bad_request", 'the body is {"directory": "/absolute/path"}') from None
    return Path(directory)
