"""What is pure about the real servers: configuration, versions, signatures, the cache's promise."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.services import NAMES, Failed
from tests.services.__main__ import main
from tests.services.cache import cache, is_open, once
from tests.services.children import Child
from tests.services.elasticsearch import settings_of
from tests.services.java import project, version_in
from tests.services.kafka import properties
from tests.services.kinds import kind_of
from tests.services.ports import free_ports, is_free
from tests.services.running import Running
from tests.services.s3 import go_version, signed
from tests.services.server import Place
from tests.services.state import State, read_state, write_state


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('openjdk version "25.0.2" 2026-01-20 LTS', 25),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ('java version "1.8.0_432"', 8),
        ("Error: could not find libjava.so", None),
        ("", None),
    ],
)
def test_versions_of_java(text: str, version: int | None) -> None:
    assert version_in(text) == version


def test_versions_of_go() -> None:
    assert go_version("go version go1.26.8 linux/amd64\n") == (1, 26)
    assert go_version("go version go1.9 linux/amd64\n") < (1, 25) <= go_version("go version go1.25rc1 linux/amd64\n")
    assert go_version("go: command not found") == ()


def test_the_project_of_artifacts() -> None:
    namespace = "{http://maven.apache.org/POM/4.0.0}"
    pom = ElementTree.fromstring(project("org.a:b_2.13:1.0", "org.c:d:2.0:zip"))
    found = [
        {element.tag.removeprefix(namespace): element.text for element in dependency}
        for dependency in pom.iter(f"{namespace}dependency")
    ]
    assert found == [
        {"groupId": "org.a", "artifactId": "b_2.13", "version": "1.0"},
        {"groupId": "org.c", "artifactId": "d", "version": "2.0", "type": "zip"},
    ]


def test_brokers_know_one_another() -> None:
    place = Place(Path("/x"), (1, 2, 3, 11, 12, 13), "")
    settings = dict(line.split("=", 1) for line in properties(place, 1, 3).splitlines())
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:11,2@127.0.0.1:12,3@127.0.0.1:13"
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:12"
    assert settings["node.id"] == "2"
    assert settings["log.dirs"] == "/x/broker-2/data"
    assert settings["offsets.topic.replication.factor"] == "3"
    assert settings["transaction.state.log.min.isr"] == "2"
    alone = dict(line.split("=", 1) for line in properties(Place(Path("/x"), (1, 11), ""), 0, 1).splitlines())
    assert alone["offsets.topic.replication.factor"] == "1"
    assert alone["transaction.state.log.min.isr"] == "1"


def test_roles_of_nodes(tmp_path: Path) -> None:
    place = Place(tmp_path, (1, 2, 3, 11, 12, 13), "")
    nodes = [dict(settings_of(place, member, 3)) for member in range(3)]
    hot, warm = ["master", "ingest", "data_hot", "data_content"], ["master", "ingest", "data_warm"]
    assert [node["node.roles"] for node in nodes] == [hot, hot, warm]
    assert [(node["http.port"], node["transport.port"]) for node in nodes] == [(1, 11), (2, 12), (3, 13)]
    assert all(node["discovery.seed_hosts"] == [f"127.0.0.1:{port}" for port in (11, 12, 13)] for node in nodes)
    alone = dict(settings_of(Place(tmp_path, (1, 11), ""), 0, 1))
    assert alone["discovery.type"] == "single-node"
    assert "node.roles" not in alone
    assert alone["network.host"] == "127.0.0.1"


def test_a_signature() -> None:
    """By AWS's published steps, worked out with openssl."""
    headers = signed("127.0.0.1:9000", "secret", "PUT", "/b/o", b"body", datetime(2026, 11, 26, 1, 2, 3, tzinfo=UTC))
    assert headers["x-amz-date"] == "20261126T010203Z"
    assert headers["x-amz-content-sha256"] == hashlib.sha256(b"body").hexdigest()
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=logd/20261126/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
        "Signature=d239c75d233d4d65baab9772b368763abb23cfe43009923689b5bd754a95640b"
    )


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.usefixtures("_own_cache")
def test_what_is_made_appears_whole(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "a").write_text("half")
        raise ConnectionError("cut off")

    with pytest.raises(ConnectionError):
        once("thing", half)
    assert cache() == tmp_path / "logd-services"
    assert [path.name for path in cache().iterdir()] == ["thing.lock"]
    (cache() / "thing.part").mkdir()  # what a killed one leaves
    (cache() / "thing.part" / "old").touch()
    made = once("thing", lambda folder: (folder / "a").touch())
    assert [path.name for path in made.iterdir()] == ["a"]
    assert once("thing", half) == made


@pytest.mark.usefixtures("_own_cache")
def test_one_of_many_makes_it() -> None:
    calls: list[int] = []
    waiting = threading.Barrier(4)

    def make(folder: Path) -> None:
        calls.append(1)
        (folder / "a").touch()

    def ask(_: int) -> Path:
        waiting.wait(120)
        return once("thing", make)

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(ask, range(4))) == {cache() / "thing"}
    assert calls == [1]


def test_who_may_enter(tmp_path: Path) -> None:
    """Another user has to, where we are root."""
    tmp_path.chmod(0o700)
    (tmp_path / "inner").mkdir(mode=0o755)
    assert is_open(Path("/usr/lib"))
    assert is_open(tmp_path / "inner") == (os.geteuid() != 0)


def test_ports_are_free_and_not_those_of_clients() -> None:
    ports = free_ports(6)
    assert len(set(ports)) == 6
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(ports) < max(lowest, 2_000)


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not is_free(listener.getsockname()[1])


def test_state_comes_back_and_is_private(tmp_path: Path) -> None:
    state = State("kafka", "127.0.0.1:1", (1, 2), "secret", (Child(3, 4), None))
    assert read_state(tmp_path) is None
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert os.listdir(tmp_path) == ["server.json"]
    assert (tmp_path / "server.json").stat().st_mode & 0o777 == 0o600


def test_a_damaged_state_is_said(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"name"')
    with pytest.raises(Failed, match=r"server\.json can't be understood"):
        read_state(tmp_path)


def test_kinds_by_name() -> None:
    assert tuple(kind_of(name).name for name in NAMES) == NAMES
    assert (kind_of("kafka", 3).members, kind_of("kafka", 3).port_count) == (3, 6)
    for name, members in [("redis", 2), ("kafka", 0), ("nats", 1)]:
        with pytest.raises(ValueError, match=f"{name}|at least one"):
            kind_of(name, members)


def test_the_data_of_three_is_not_that_of_one(tmp_path: Path) -> None:
    write_state(tmp_path, State("kafka", "", (1, 2, 3, 4, 5, 6), "", (None, None, None)))
    server = Running(kind_of("kafka"), tmp_path, tied=True)
    with pytest.raises(Failed, match=r"has the data of 3 × kafka, not of 1 × kafka: choose another folder"):
        server.start()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["start", "nats"], "invalid choice: 'nats'"),
        (["start", "all", "--port", "6379"], "--port is for one server, not for kafka, elasticsearch"),
        (["start", "kafka", "--brokers", "0"], "between 1 and 9, not 0"),
        (["start", "redis", "--port", "65536"], "no port: 65536"),
        (["start"], "the following arguments are required: NAME"),
    ],
)
def test_arguments(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
