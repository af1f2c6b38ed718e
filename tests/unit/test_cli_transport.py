"""`logd transport`: what it prints, what it refuses, and that a transport in use takes it in."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from logd.backends.transport import sqlite_writer
from logd.backends.transport.sqlite import SqliteTransport
from logd.cli.main import main
from logd.config.schema import Transport as Limits
from logd.errors import Unavailable
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended
from tests.support.transports import held, past, plain, rest

FILE = "transport.db"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a queue that two groups read, chosen by the environment."""

    async def fill() -> None:
        transport = await SqliteTransport.open(tmp_path / FILE)
        await transport.append(RAW_LOGS, plain("aa", "bb", lines="3"))
        await transport.append(DEAD_LETTERS, plain("c"))
        consumer = await transport.consume(RAW_LOGS, "processor")
        await transport.consume(RAW_LOGS, "elderly")
        await consumer.commit(past((await rest(consumer))[0]))
        await transport.close()

    monkeypatch.setenv("LOGD_DATA_DIR", str(tmp_path))
    asyncio.run(fill())
    return tmp_path


def test_status(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transport", "status"]) == 0
    out = capsys.readouterr().out
    assert "raw-logs: holds 2 messages, 6 lines, 4 bytes, the oldest for " in out
    assert "  group elderly: at position 0, 2 messages behind\n" in out
    assert "  group processor: at position 2, 1 messages behind\n" in out
    assert "  appended: 2 messages, 6 lines\n  duplicate: 0 messages, 0 lines\n  expired: 0 messages" in out
    assert "dead-letters: holds 1 messages, " in out


def test_forget(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transport", "forget", "elderly"]) == 0
    assert capsys.readouterr().out == "group 'elderly' of topic raw-logs is forgotten\n"
    assert main(["transport", "status"]) == 0
    assert "elderly" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nobody"], 1, "topic raw-logs has no group 'nobody': there are elderly (raw-logs), processor (raw-logs)"),
        (["elderly", "--topic", "dead-letters"], 1, "topic dead-letters has no group 'elderly': there are elderly ("),
        (["elderly", "--topic", "x; y"], 1, "topic x; y has no group 'elderly': there are"),
        (["processor"], 1, "group 'processor' belongs to a role that this configuration runs: remove it from server.r"),
        (["x", "--set", "data_dir=/none"], 2, "/none/transport.db does not exist: no server has used this data_dir"),
    ],
)
def test_what_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], code: int, sentence: str
) -> None:
    assert main(["transport", "forget", *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"logd: {sentence}")
    assert printed.err.count("\n") == 1


def test_a_role_that_does_not_run_here(folder: Path) -> None:
    assert main(["transport", "forget", "processor", "--set", "server.roles=api"]) == 0


@pytest.mark.parametrize(("version", "what"), [(2, "start its server once"), (9, "use a newer logd")])
def test_another_format(folder: Path, capsys: pytest.CaptureFixture[str], version: int, what: str) -> None:
    with sqlite3.connect(folder / FILE) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    for command in (["status"], ["forget", "elderly"]):
        assert main(["transport", *command]) == 2
        assert capsys.readouterr().err.endswith(f"this logd works on 3: {what}\n")


async def test_a_transport_in_use_takes_again_and_deletes(folder: Path) -> None:
    transport = await SqliteTransport.open(folder / FILE, Limits(max_bytes=3))
    processor = await transport.consume(RAW_LOGS, "processor")
    await processor.commit(past((await rest(processor))[-1]))
    with pytest.raises(Unavailable, match="logd transport forget elderly"):
        await transport.append(RAW_LOGS, plain("refused"))
    assert await asyncio.to_thread(main, ["transport", "forget", "elderly"]) == 0
    assert await transport.append(RAW_LOGS, plain("taken")) == Appended(1, 0)
    assert await held(transport, group="processor") == ["taken"]
    async with asyncio.timeout(60):
        while (await transport.status())[RAW_LOGS]["messages"] > 1:
            await transport.append(DEAD_LETTERS, plain("x"))
    await transport.close()


async def test_an_idle_transport_notices_by_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "_TICK_SECONDS", 0.01)
    transport = await SqliteTransport.open(folder / FILE)
    assert await asyncio.to_thread(main, ["transport", "forget", "elderly"]) == 0
    async with asyncio.timeout(60):
        while (await transport.status())[RAW_LOGS]["messages"] > 1:
            pass
    await transport.close()
