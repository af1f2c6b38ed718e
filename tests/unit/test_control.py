"""The control socket: one backup at a time, given up when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from logd.backup.about import Backup
from logd.errors import ConfigError, Conflict, LogdError, Unavailable
from logd.roles import control

MADE = Backup(
    logd="1", at="2026-11-23T00:00:00Z", positions={0: 7}, segments=2, rows=30, bytes=400, files={"agent.db": (1, 2)}
)


class _Backups:
    """Each waits for `go`, and then raises or gives MADE."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.error: Exception | None = None
        self.directories: list[Path] = []

    async def make(self, directory: Path) -> Backup:
        self.directories.append(directory)
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.error:
            raise self.error
        return MADE


async def _ask(path: Path, body: str, what: str = "/backup") -> tuple[int, Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(
        f"POST {what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    answer = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(text) if b"json" in head else text


BODY = json.dumps({"directory": "/backup/here"})


@pytest.fixture
async def backups(tmp_path: Path) -> AsyncIterator[_Backups]:
    made = _Backups()
    async with control.serving(tmp_path / control.SOCKET, made.make):
        yield made
    assert not (tmp_path / control.SOCKET).exists()


async def test_a_backup(backups: _Backups, tmp_path: Path) -> None:
    backups.go.set()
    status, answer = await _ask(tmp_path / control.SOCKET, BODY)
    assert (status, answer["segments"], answer["positions"], answer["damaged"]) == (200, 2, {"0": 7}, [])
    assert "files" not in answer
    assert backups.directories == [Path("/backup/here")]


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"directory": 7}', '{"directory": "here"}', '{"directory": "/a\\u0000"}']
)
async def test_a_wrong_request(backups: _Backups, tmp_path: Path, body: str) -> None:
    status, answer = await _ask(tmp_path / control.SOCKET, body)
    assert (status, answer["error"]["message"]) == (400, 'the body is {"directory": "/absolute/path"}')
    assert (await _ask(tmp_path / control.SOCKET, BODY, "/else"))[0] == 404


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Conflict("it is used"), 409, "it is used"),
        (Unavailable("disk full"), 503, "disk full"),
        (ConfigError("it is damaged"), 503, "it is damaged"),
    ],
)
async def test_an_error(backups: _Backups, tmp_path: Path, error: LogdError, status: int, message: str) -> None:
    backups.error = error
    backups.go.set()
    answered, answer = await _ask(tmp_path / control.SOCKET, BODY)
    assert (answered, answer["error"]["message"]) == (status, message)
    backups.error = None
    assert (await _ask(tmp_path / control.SOCKET, BODY))[0] == 200


async def test_one_at_a_time(backups: _Backups, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(_ask(tmp_path / control.SOCKET, BODY), name="first")
        await backups.begun.wait()
        status, answer = await _ask(tmp_path / control.SOCKET, BODY)
        assert (status, answer["error"]["message"]) == (409, "another backup is under way: one at a time")
        backups.go.set()
    assert first.result()[0] == 200
    assert (await _ask(tmp_path / control.SOCKET, BODY))[0] == 200


async def test_a_client_that_goes_away(backups: _Backups, tmp_path: Path) -> None:
    _, writer = await asyncio.open_unix_connection(tmp_path / control.SOCKET)
    writer.write(f"POST /backup HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode())
    await backups.begun.wait()
    writer.close()
    await backups.cancelled.wait()
    backups.go.set()
    assert (await _ask(tmp_path / control.SOCKET, BODY))[0] == 200


async def test_a_stop_waits_for_what_it_gave_up(tmp_path: Path) -> None:
    made = _Backups()
    async with control.serving(tmp_path / control.SOCKET, made.make):
        _, writer = await asyncio.open_unix_connection(tmp_path / control.SOCKET)
        writer.write(f"POST /backup HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode())
        await made.begun.wait()
    assert made.cancelled.is_set()
    writer.close()


async def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / control.SOCKET
    path.write_text("stale")
    made = _Backups()
    made.go.set()
    async with control.serving(path, made.make):
        assert path.stat().st_mode & 0o777 == 0o600
        assert (await _ask(path, BODY))[0] == 200
    assert not path.exists()
