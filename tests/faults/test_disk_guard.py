"""The guard of data_dir's disk in a real server: DEBUG goes at the high-water mark, counted and loud; a full disk is
answered with 507, searches go on, and with room everything goes on by itself, each accepted line there once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.disk import SmallDisk, small_disk
from tests.support.process import NDJSON, Server, ndjson, until

_MIB = 1024 * 1024
_DISK_BYTES = 64 * _MIB
_SETTINGS = {"index.flush_rows": 2_000, "index.flush_seconds": 0.5}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if os.getuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root can mount a disk")
    (tmp_path / "server").mkdir()
    with small_disk(tmp_path / "server" / "data", _DISK_BYTES) as mounted:
        yield mounted


def _disk(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.get("/api/v1/status").json()["disk"]
    return found


def _metric(server: Server, name: str) -> float:
    lines = server.get("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def _records(word: str) -> list[dict[str, str]]:
    return [{"message": f"{word} {n}", "level": level} for n in range(50) for level in ("DEBUG", "TRACE", "INFO")]


def test_debug_goes_at_the_high_water_mark(tmp_path: Path, disk: SmallDisk) -> None:
    server = Server(tmp_path / "server", settings=_SETTINGS)
    server.may_log_errors = True  # that lines are dropped is said as one
    with server:
        server.ingest("web", _records("before"))
        server.settle()
        assert not _disk(server)["high_water"]
        disk.fill(but_bytes=_DISK_BYTES * 6 // 100)
        until(lambda: _disk(server)["dropping"] == ["TRACE", "DEBUG"], "DEBUG is dropped")
        assert not _disk(server)["refusing"]
        assert server.get("/readyz").status == 200
        assert _metric(server, 'logd_disk_guard{what="dropping"}') == 1
        server.ingest("web", _records("meanwhile"))
        server.settle()
        assert len(server.records("web")) == 150 + 50
        assert _metric(server, 'logd_shape_dropped_lines_total{rule="disk (shedding)"}') == 100
        server.check_ledger()
        command = [sys.executable, "-m", "logd", "status", "--url", f"http://127.0.0.1:{server.port}"]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "TRACE, DEBUG are dropped" in said.stdout, said
        disk.make_room()
        until(lambda: not _disk(server)["dropping"], "nothing is dropped")
        server.ingest("web", _records("after"))
        server.settle()
        assert len(server.records("web")) == 150 + 50 + 150
        assert "nothing more can go from the disk" in server.log()
        assert "DEBUG and TRACE are stored again" in server.log()


def test_a_full_disk_refuses_and_goes_on(tmp_path: Path, disk: SmallDisk) -> None:
    followed = tmp_path / "app.log"
    followed.write_text("first\n")
    server = Server(tmp_path / "server", files=[followed], settings=_SETTINGS)
    server.may_log_errors = True
    with server:
        server.ingest("web", _records("before"))
        server.settle()
        disk.fill(but_bytes=_DISK_BYTES // 100)
        until(lambda: _disk(server)["refusing"], "the disk is full")
        answer = server.post(ndjson(_records("refused")), NDJSON, "web")
        assert answer.status == 507
        assert "archiver.full_percent" in answer.json()["error"]["message"]
        assert int(answer.headers["retry-after"]) >= 1
        assert server.get("/readyz").status == 503
        assert _metric(server, "logd_disk_refused_total") >= 1
        with followed.open("a") as file:
            file.writelines(f"line {n}\n" for n in range(5_000))
        assert server.search(service="web", q="before")["total_hits"] == 150
        until(lambda: _metric(server, "logd_disk_refused_total") >= 3, "the agent has tried")
        assert server.search(service="app")["total_hits"] == 1
        disk.make_room()
        until(lambda: server.get("/readyz").status == 200, "it is ready again")
        server.ingest("web", _records("after"))
        until(lambda: server.search(service="app", limit=0)["total_hits"] == 5_001, "the agent goes on")
        server.settle()
        assert server.search(service="web", limit=0)["total_hits"] == 300
        server.check_ledger()
        server.kill()
        server.start()
        server.settle()
        assert server.search(service="app", limit=0)["total_hits"] == 5_001
        assert server.search(service="web", limit=0)["total_hits"] == 300


def test_it_starts_on_a_disk_over_the_mark(tmp_path: Path, disk: SmallDisk) -> None:
    server = Server(tmp_path / "server", settings=_SETTINGS)
    server.may_log_errors = True
    disk.fill(but_bytes=_DISK_BYTES * 2 // 100)
    with server:
        assert server.post(ndjson(_records("refused")), NDJSON, "web").status == 507
        disk.make_room()
        until(lambda: server.get("/readyz").status == 200, "it is ready")
        server.ingest("web", _records("after"))
        server.settle()
        assert len(server.records("web")) == 150
