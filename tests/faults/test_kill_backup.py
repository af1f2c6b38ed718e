"""kill -9 within a backup or a restore: what is left is no backup and no data folder, and says so."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from logd.flow import crash
from tests.support.commands import logd
from tests.support.process import Server

_MAKING = [point for point in crash.BACKUP_POINTS if point.startswith("backup")]
_RESTORING = [*(point for point in crash.BACKUP_POINTS if point.startswith("restore")), "restore.moved:2"]


def _ingest(server: Server) -> None:
    for day in range(1, 4):
        server.ingest("web", [{"message": f"{day}", "timestamp": f"2026-11-0{day}T00:00:00Z"}])
    assert len(server.records("web")) == 3


@pytest.mark.parametrize("point", _MAKING)
def test_the_server_is_killed(tmp_path: Path, point: str) -> None:
    environment = {crash.VARIABLE: point}
    with Server(tmp_path, environment=environment) as server:
        _ingest(server)
        assert server.terminate() == 0
        server.start()
        done = logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir)
        assert (done.code, "can't be asked for a backup" in done.error) == (1, True), done
        assert server.wait() == -signal.SIGKILL
        _is_no_backup(tmp_path)
        assert (server.data_dir / "control.sock").is_socket()
        server.environment.clear()
        server.start()
        assert len(server.records("web")) == 3
        server.check_ledger()
        assert logd("store", "backup", tmp_path / "another", data_dir=server.data_dir).code == 0


@pytest.mark.parametrize("point", _MAKING)
def test_the_command_is_killed(tmp_path: Path, point: str) -> None:
    with Server(tmp_path) as server:
        _ingest(server)
        assert server.terminate() == 0
        environment = {crash.VARIABLE: point}
        done = logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir, environment=environment)
        assert done.code == -signal.SIGKILL
        _is_no_backup(tmp_path)
        server.start()
        assert len(server.records("web")) == 3


def _is_no_backup(folder: Path) -> None:
    done = logd("store", "restore", folder / "backup", data_dir=folder / "restored")
    assert (done.code, "is no backup, or one that was not finished" in done.error) == (2, True), done
    assert not (folder / "restored").exists()


@pytest.mark.parametrize("point", _RESTORING)
def test_a_restore_is_killed(tmp_path: Path, point: str) -> None:
    with Server(tmp_path / "first") as server:
        _ingest(server)
        assert logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir).code == 0
    restored = Server(tmp_path / "second")
    environment = {crash.VARIABLE: point}
    done = logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir, environment=environment)
    assert done.code == -signal.SIGKILL
    restored.launch()
    assert restored.wait() == 2
    assert "holds a restore that was not finished" in restored.log()
    done = logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir)
    assert (done.code, "not empty" in done.error) == (2, True), done
    done = logd("store", "backup", tmp_path / "of a half", data_dir=restored.data_dir)
    assert (done.code, "holds a restore that was not finished" in done.error) == (2, True), done
