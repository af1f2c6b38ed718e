"""Files that grow, are rotated, truncated and deleted, followed by the real process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import Server, until

_SETTINGS = {"agent.rescan_seconds": 0.1, "agent.poll_seconds": 0.05, "agent.batch_seconds": 0.05}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    """Follows every *.log of the folder; none is there yet."""
    files = [{"paths": [f"{folder}/*.log"], "tags": ["followed"], "fields": {"rack": {"row": 7}}}]
    settings = {**_SETTINGS, "agent.files": json.dumps(files), "agent.host": "web-7"}
    with Server(tmp_path / "server", settings=settings) as running:
        yield running


def _append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def _wait(server: Server, *lines: str, service: str = "app") -> None:
    """Until as many lines of the service are found; then they are these, each once, in any order."""
    until(lambda: server.search(service=service, limit=0)["total_hits"] >= len(lines), f"{len(lines)} lines are found")
    assert sorted(record["message"] for record in server.records(service)) == sorted(lines)


def test_a_record_of_a_file(server: Server, folder: Path) -> None:
    _append(folder / "app.log", "2026-11-20T10:00:00Z INFO it works")
    _wait(server, "2026-11-20T10:00:00Z INFO it works")
    (record,) = server.records("app")
    del record["log_id"], record["ingested_at"]
    assert record == {
        "timestamp": "2026-11-20T10:00:00.000Z",
        "level": "INFO",
        "service": "app",
        "host": "web-7",
        "source": str(folder / "app.log"),
        "message": "2026-11-20T10:00:00Z INFO it works",
        "metadata": {"rack": {"row": 7}},
        "tags": ["followed"],
        "trace_id": None,
    }


def test_what_bytes_of_files_mean(folder: Path, tmp_path: Path) -> None:
    containers, windows = folder / "containers", folder / "shop" / "prod"
    containers.mkdir()
    windows.mkdir(parents=True)
    files = [
        {"paths": [f"{containers}/*.log"], "format": "auto", "multiline": "java"},
        {
            "paths": [f"{folder}/**/app.log"],
            "encoding": "utf-16",
            "path_pattern": ".*/(?P<service>[^/]+)/(?P<environment>[^/]+)/app.log",
        },
    ]
    identity = "0123456789abcdef" * 4
    at = "2026-11-20T10:00:00"
    with Server(tmp_path / "server", settings={**_SETTINGS, "agent.files": json.dumps(files)}) as server:
        (containers / f"web-1_shop_api-{identity}.log").write_text(
            f"{at}.5Z stderr F ERROR no stock\n{at}.6Z stdout P INFO be\n{at}.6Z stderr F \tat a.B.c(B.java:1)\n"
            f"{at}.7Z stdout F side\n{at}.8Z stderr F java.lang.Exception: last\n"
        )
        (windows / "app.log").write_bytes("grün\r\n漢字\r\n".encode("utf-16"))
        _wait(server, "ERROR no stock\n\tat a.B.c(B.java:1)\njava.lang.Exception: last", "INFO beside", service="api")
        _wait(server, "grün", "漢字", service="shop")
        error, info = sorted(server.records("api"), key=lambda record: str(record["level"]))
        pod = {"pod_name": "web-1", "namespace_name": "shop", "container_name": "api", "docker_id": identity}
        labels = {"kubernetes": pod}
        assert (error["timestamp"], error["level"]) == (f"{at}.500Z", "ERROR")
        assert error["metadata"] == {**labels, "stream": "stderr"}
        assert (info["timestamp"], info["metadata"]) == (f"{at}.600Z", {**labels, "stream": "stdout"})
        assert server.records("shop")[0]["metadata"] == {"environment": "prod"}


def test_json_lines_of_a_file(server: Server, folder: Path) -> None:
    _append(folder / "app.log", '{"level": "warn", "msg": "json", "service": "own", "n": 1}', "{broken")
    until(lambda: server.search(service="own", limit=0)["total_hits"], "the record is found")
    (record,) = server.records("own")
    assert (record["message"], record["level"], record["metadata"]) == ("json", "WARN", {"n": 1, "rack": {"row": 7}})
    (broken,) = server.records("app")
    assert (broken["message"], broken["tags"]) == ("{broken", ["followed", "unparsed"])


def test_lines_that_come_later(server: Server, folder: Path) -> None:
    lines: list[str] = []
    for n in range(5):
        lines.append(f"line {n}")
        _append(folder / "app.log", lines[-1])
        _wait(server, *lines)
    _append(folder / "other.log", "another file")
    _wait(server, "another file", service="other")


def test_a_line_that_comes_in_pieces(server: Server, folder: Path) -> None:
    with (folder / "app.log").open("a", buffering=1) as file:
        for piece in ("first\nsec", "ond\nthi", "rd\n"):
            file.write(piece)
            file.flush()
    _wait(server, "first", "second", "third")


def test_files_that_were_there_before(folder: Path, tmp_path: Path) -> None:
    first, second = folder / "first.txt", folder / "second.txt"
    _append(first, "a", "b")
    _append(second, *(f"line {n}" for n in range(5_000)))
    with Server(tmp_path / "server", files=[first, second], settings=_SETTINGS) as server:
        _wait(server, "a", "b", service="first")
        _wait(server, *(f"line {n}" for n in range(5_000)), service="second")


@pytest.mark.parametrize("running", [True, False], ids=["followed", "stopped meanwhile"])
def test_rotation_by_rename(server: Server, folder: Path, running: bool) -> None:
    path = folder / "app.log"
    lines = []
    for n in range(3):
        lines += [f"before {n}"]
        _append(path, lines[-1])
        _wait(server, *lines)
        if not running:
            assert server.terminate() == 0
        lines += [f"late {n}", f"new {n}"]
        # The writer keeps the old file open for a while.
        with path.open("a") as old:
            path.rename(folder / f"app.log.{n}")
            _append(path, f"new {n}")
            old.write(f"late {n}\n")
        if not running:
            server.restart()
        _wait(server, *lines)


def test_rotation_by_truncation(server: Server, folder: Path) -> None:
    path = folder / "app.log"
    _append(path, *(f"long line {n}" for n in range(100)))
    _wait(server, *(f"long line {n}" for n in range(100)))
    path.write_text("")
    until(lambda: server.get("/api/v1/status").json()["agent"]["truncations"], "the truncation is seen")
    _append(path, "short line")
    _wait(server, *(f"long line {n}" for n in range(100)), "short line")


def test_a_file_that_is_deleted_and_comes_back(server: Server, folder: Path) -> None:
    path = folder / "app.log"
    _append(path, "a", "b")
    _wait(server, "a", "b")
    path.unlink()
    _append(path, "a", "b", "c")
    _wait(server, "a", "b", "a", "b", "c")


@pytest.mark.parametrize("crash", [False, True], ids=["SIGTERM", "SIGKILL"])
def test_restarts_double_nothing(server: Server, folder: Path, crash: bool) -> None:
    lines: list[str] = []
    for n in range(4):
        added = [f"run {n} line {m}" for m in range(1_500)]
        lines += added
        _append(folder / "app.log", *added)
        _wait(server, *lines)
        if crash:
            server.kill()
        else:
            assert server.terminate() == 0
        server.restart()
    _append(folder / "app.log", "the end")
    _wait(server, *lines, "the end")
