"""What can't start says why, in one sentence, with exit code 2; and harms nobody who runs."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.process import Server, until

_WRONG = 2


def _refused(server: Server) -> str:
    """The one sentence."""
    server.launch()
    assert server.wait() == _WRONG
    lines = server.log().splitlines()
    assert len(lines) == 1, server.log()
    assert lines[0].startswith("logd: ")
    return lines[0]


def test_a_data_folder_that_is_in_use(tmp_path: Path) -> None:
    with Server(tmp_path / "first") as first:
        first.ingest("first", [{"message": "a"}])
        second = Server(tmp_path / "second", settings={"data_dir": first.data_dir})
        try:
            for _ in range(2):
                sentence = _refused(second)
                assert str(first.data_dir) in sentence
                assert "in use" in sentence
        finally:
            second.kill()
        assert len(first.records("first")) == 1
        first.kill()
        try:
            second.start()  # the lock went with its holder
            assert len(second.records("first")) == 1
        finally:
            second.kill()


def test_an_agent_beside_another_in_its_data_folder(tmp_path: Path) -> None:
    settings = {"agent.server": "http://127.0.0.1:9"}
    log = tmp_path / "app.log"
    log.write_text("a line\n")
    with Server(tmp_path / "first", files=[log], settings=settings, roles="agent") as first:
        until(lambda: "takes no chunks" in first.log(), "it runs")
        second = Server(
            tmp_path / "second", files=[log], settings={**settings, "data_dir": first.data_dir}, roles="agent"
        )
        try:
            assert "in use by another logd process" in _refused(second)
        finally:
            second.kill()


def test_a_port_that_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        server = Server(tmp_path, settings={"api.listen": listen})
        try:
            sentence = _refused(server)
        finally:
            server.kill()
        assert listen in sentence
        assert "in use" in sentence


@pytest.mark.parametrize("roles", ["alarm", "agent,processor,api,alarm", "processor,nonsense"])
def test_a_role_that_does_not_exist(tmp_path: Path, roles: str) -> None:
    server = Server(tmp_path, roles=roles)
    try:
        sentence = _refused(server)
    finally:
        server.kill()
    assert roles.rpartition(",")[2] in sentence
    assert "server.roles" in sentence


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = Server(tmp_path, settings={"data_dir": tmp_path / "file"})
    try:
        assert str(tmp_path / "file") in _refused(server)
    finally:
        server.kill()


@pytest.mark.parametrize("name", ["transport.db", "index/manifest.db", "agent.db"])
def test_a_database_that_is_none(tmp_path: Path, name: str) -> None:
    server = Server(tmp_path)
    path = server.data_dir / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database\n" * 1_000)
    try:
        assert name in _refused(server)
    finally:
        server.kill()
