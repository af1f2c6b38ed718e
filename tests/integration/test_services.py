"""Each real server: started, asked by its own protocol, stopped, killed, and found with its data after both."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services import Running, running
from tests.services import elasticsearch as es
from tests.services import mysql as mariadb
from tests.services import s3 as objects
from tests.support.process import until

ROOT = Path(__file__).parents[2]


def _over_restarts(server: Running, keeps: Callable[[], bool]) -> None:
    """Stops and kills it; `keeps` says whether what was written is there."""
    address = server.url, server.ports
    assert keeps()
    assert not server.start(), "it was started twice"
    for end in (server.stop, server.kill):
        pids = server.pids
        assert pids
        assert end()
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        assert (server.pids, server.is_ready()) == ((), False)
        assert not end(), "it was ended twice"
        assert server.start()
        assert (server.url, server.ports) == address
        assert server.is_ready()
        assert keeps()
    assert (server.folder / "server.json").stat().st_mode & 0o077 == 0, "others can read the password"


@pytest.mark.servers("redis")
def test_redis(tmp_path: Path) -> None:
    with running("redis", tmp_path) as server:

        def ask(command: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(command + b"\r\n")
                return connection.recv(1000)

        assert server.url == f"redis://127.0.0.1:{server.port}/0"
        assert ask(b"SET a b") == b"+OK\r\n"
        _over_restarts(server, lambda: ask(b"GET a") == b"$1\r\nb\r\n")


@pytest.mark.servers("mysql")
def test_mysql(tmp_path: Path) -> None:
    with running("mysql", tmp_path) as server:

        def ask(sql: str) -> str:
            return mariadb.ask(server.port, server.password, sql)

        assert server.url == f"mysql://logd:{server.password}@127.0.0.1:{server.port}/logd"
        ask("CREATE DATABASE logd_another; CREATE TABLE logd_another.t (a int); INSERT INTO logd_another.t VALUES (7)")
        _over_restarts(server, lambda: ask("SELECT a FROM logd_another.t") == "7\n")


@pytest.mark.servers("s3")
def test_s3(tmp_path: Path) -> None:
    with running("s3", tmp_path) as server:

        def ask(method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
            return objects.ask(server.port, server.password, method, path, body)

        assert server.url == f"http://logd:{server.password}@127.0.0.1:{server.port}"
        assert objects.ask(server.port, "another", "GET", "/")[0] == 403
        assert ask("PUT", "/bucket")[0] == 200
        assert ask("PUT", "/bucket/folder/object", b"content") == (200, b"")
        _over_restarts(server, lambda: ask("GET", "/bucket/folder/object") == (200, b"content"))


@pytest.mark.servers("kafka")
def test_kafka(tmp_path: Path) -> None:
    with running("kafka", tmp_path) as server:
        assert server.url == f"127.0.0.1:{server.port}"
        assert _made_by_asking(server.port, "topic") != 0, "it was there before"
        until(lambda: _made_by_asking(server.port, "topic") == 0, "the topic is there")
        _over_restarts(
            server, lambda: bool(until(lambda: _made_by_asking(server.port, "topic", make=False) == 0, "kept"))
        )


def _made_by_asking(port: int, topic: str, make: bool = True) -> int:
    """The error of the topic in Kafka's answer to a Metadata request, version 4, which makes a topic that isn't there;
    0 when there is none."""
    name = topic.encode()
    body = struct.pack(">hhihi", 3, 4, 1, -1, 1) + struct.pack(">h", len(name)) + name + struct.pack("?", make)
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(struct.pack(">i", len(body)) + body)
        content = answer.read(struct.unpack(">i", answer.read(4))[0])
    return int(struct.unpack(">h", content[content.index(struct.pack(">h", len(name)) + name) - 2 :][:2])[0])


@pytest.mark.servers("elasticsearch")
def test_elasticsearch(tmp_path: Path) -> None:
    with running("elasticsearch", tmp_path) as server:

        def found() -> bool:
            status, body = es.ask(server.port, "GET", "/index/_doc/1")
            return status == 200 and bool(json.loads(body)["_source"] == {"a": 1})

        assert server.url == f"http://127.0.0.1:{server.port}"
        assert es.ask(server.port, "PUT", "/index/_create/1?refresh=true", {"a": 1})[0] == 201
        _over_restarts(server, found)
