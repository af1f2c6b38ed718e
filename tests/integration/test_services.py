"""Each real server: started, asked by its own protocol, stopped, killed, and found with its data after both."""

from __future__ import annotations

import json
import shutil
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.services import Running, running
from tests.services import elasticsearch as es
from tests.services import mysql as mariadb
from tests.services import s3 as objects
from tests.support.process import until

#: Java on a slow machine takes a minute to start, and each test starts it several times.
pytestmark = pytest.mark.timeout(1_200)


def _over_restarts(server: Running, keeps: Callable[[], bool], ends: Sequence[str] = ("stop", "kill")) -> None:
    """Ends it in each way; `keeps` says whether what was written is there."""
    address = server.url, server.ports
    assert keeps()
    assert not server.start(), "it was started twice"
    for end in (getattr(server, name) for name in ends):
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


@pytest.mark.parametrize("name", ["mysql", "redis"])
def test_fixtures(name: str, request: pytest.FixtureRequest) -> None:
    server: Running = request.getfixturevalue(name)
    assert server.is_ready()
    assert server.url.startswith(f"{name}://")


@pytest.mark.servers("redis")
def test_without_its_folder_it_ends_too(tmp_path: Path) -> None:
    with running("redis", tmp_path / "redis") as server:
        (pid,) = server.pids
        shutil.rmtree(tmp_path / "redis")
    assert not Path(f"/proc/{pid}").exists()


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


@pytest.mark.servers("redis")
def test_a_paused_server_keeps_its_connections(tmp_path: Path) -> None:
    with (
        running("redis", tmp_path) as server,
        socket.create_connection(("127.0.0.1", server.port)) as connection,
    ):
        server.pause()
        assert server.is_running()
        assert not server.is_ready()
        connection.sendall(b"PING\r\n")
        server.resume()
        assert connection.recv(100) == b"+PONG\r\n"
        assert server.is_ready()


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


@pytest.mark.servers("kafka")
def test_three_brokers(tmp_path: Path) -> None:
    with running("kafka", tmp_path, members=3) as server:
        assert server.url == ",".join(f"127.0.0.1:{port}" for port in server.ports)
        assert len(set(server.ports)) == len(set(server.pids)) == 3
        first, _, third = server.pids
        assert server.kill(1)
        assert server.pids == (first, third)
        assert not server.is_running()
        until(lambda: _made_by_asking(server.ports[2], "topic") == 0, "the two that are left make a topic")
        assert server.start()
        assert {first, third} < set(server.pids)
        until(lambda: _made_by_asking(server.ports[1], "topic", make=False) == 0, "the third knows of it")


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
        _over_restarts(server, found, ["stop"])  # its starts are slow; a node is killed below


@pytest.mark.servers("elasticsearch")
def test_three_nodes(tmp_path: Path) -> None:
    with running("elasticsearch", tmp_path, members=3) as server:

        def ask(member: int, method: str, path: str, body: object = None) -> Any:
            status, answer = es.ask(server.ports[member], method, path, body)
            assert status == 200, answer
            return json.loads(answer)

        assert server.url == ",".join(f"http://127.0.0.1:{port}" for port in server.ports)
        nodes = ask(0, "GET", "/_nodes")["nodes"].values()
        hot, warm = {"master", "ingest", "data_hot", "data_content"}, {"master", "ingest", "data_warm"}
        roles = {node["name"]: set(node["roles"]) for node in nodes}
        assert roles == {"node-1": hot, "node-2": hot, "node-3": warm}
        tier = {"index.routing.allocation.include._tier_preference": "data_warm"}
        ask(0, "PUT", "/index", {"settings": {"number_of_replicas": 0, **tier}})
        assert [node["name"] for node in ask(0, "GET", "/index/_search_shards")["nodes"].values()] == ["node-3"]
        assert server.kill(0)
        assert len(server.pids) == 2
        assert not ask(1, "GET", "/_cluster/health?wait_for_nodes=2&timeout=90s")["timed_out"]
        assert server.start()
        assert ask(0, "GET", "/_cluster/health")["number_of_nodes"] == 3
