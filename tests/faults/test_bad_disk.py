"""A data folder that can't be used: the process says so in one sentence and doesn't start. A disk that fills up while
it runs: nothing more is accepted, nothing that was is lost, and once there is room it goes on."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.disk import SmallDisk, small_disk
from tests.support.process import NDJSON, Server, ndjson, until

_WRONG = 2
_MIB = 1024 * 1024
_NOBODY = 65534
#: Root obeys permissions when it may not override them, and can read the interpreter wherever that is.
_AS_OTHERS_MUST = ("/usr/bin/setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.fixture(autouse=True)
def _root() -> None:
    if os.getuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root can mount a disk, or give a folder away")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 64 * _MIB) as mounted:
        yield mounted


def _refusal(server: Server) -> str:
    """The one sentence with which it doesn't start."""
    server.launch()
    try:
        code = server.wait()
    finally:
        server.kill()
    lines = server.log().splitlines()
    assert (code, len(lines)) == (_WRONG, 1), server.log()
    assert lines[0].startswith("logd: ")
    return lines[0]


def _used(server: Server, killed: bool) -> None:
    """Data as after a stop or a crash."""
    server.start()
    server.ingest("web", [{"message": f"line {n}"} for n in range(1_000)])
    server.settle()
    if killed:
        server.kill()
    else:
        assert server.terminate() == 0


_BEFORE = pytest.mark.parametrize("before", ["new", "stopped", "killed"])


class TestStart:
    @_BEFORE
    def test_on_a_full_disk(self, tmp_path: Path, disk: SmallDisk, before: str) -> None:
        server = Server(tmp_path / "server", settings={"data_dir": disk.root / "data"})
        if before != "new":
            _used(server, before == "killed")
        disk.fill()
        for _ in range(2):
            sentence = _refusal(server)
            assert str(disk.root / "data") in sentence
            assert "full" in sentence
        disk.make_room()
        with server:
            assert len(server.records("web")) == (0 if before == "new" else 1_000)

    @_BEFORE
    def test_on_a_disk_that_is_read_only(self, tmp_path: Path, disk: SmallDisk, before: str) -> None:
        server = Server(tmp_path / "server", settings={"data_dir": disk.root / "data"})
        if before != "new":
            _used(server, before == "killed")
        disk.read_only()
        sentence = _refusal(server)
        assert str(disk.root / "data") in sentence
        assert "read-only" in sentence

    def test_in_a_folder_of_somebody_else(self, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        os.chown(theirs, _NOBODY, _NOBODY)
        for data_dir in (theirs, theirs / "data"):
            server = Server(tmp_path / "server", settings={"data_dir": data_dir}, under=_AS_OTHERS_MUST)
            sentence = _refusal(server)
            assert str(data_dir) in sentence
            assert "permission denied" in sentence

    @pytest.mark.parametrize("name", ["lock", "transport.db", "agent.db", "index/manifest.db"])
    @pytest.mark.parametrize("mode", [0o444, 0o000])
    def test_with_a_file_of_somebody_else(self, tmp_path: Path, name: str, mode: int) -> None:
        """What comes of one start as root, for a server that has a user of its own."""
        server = Server(tmp_path, under=_AS_OTHERS_MUST)
        _used(server, killed=False)
        path = server.data_dir / name
        os.chown(path, _NOBODY, _NOBODY)
        path.chmod(mode)
        sentence = _refusal(server)
        assert (str(server.data_dir) if name == "lock" else str(path)) in sentence
        for one in path.parent.glob(f"{path.name}*"):  # SQLite gives its other files the same rights
            os.chown(one, 0, 0)
            one.chmod(0o644)
        with server:
            assert len(server.records("web")) == 1_000


_SETTINGS = {"index.flush_rows": 5_000, "index.flush_seconds": 0.5, "server.drain_seconds": 2}
_LINES = 500


class _Clients:
    """Clients that send different lines without end: `accepted` and `refused` are bodies."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.accepted: list[str] = []
        self.refused: list[str] = []
        self.statuses: set[int] = set()

    def run(self) -> None:
        """One of them."""
        while not self._stop.is_set():
            word = f"word{uuid.uuid4().hex}"
            body = ndjson([{"message": f"{word} {os.urandom(100).hex()}", "n": n} for n in range(_LINES)])
            answer = self._server.post(body, NDJSON, "web")
            if answer.status == 202:
                with self._lock:
                    self.accepted.append(word)
            else:
                assert answer.status in (429, 507), answer
                self.statuses.add(answer.status)
                assert int(answer.headers["retry-after"]) >= 1
                with self._lock:
                    self.refused.append(answer.json()["error"]["message"])

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Three of them, meanwhile."""
        with ThreadPoolExecutor(3) as threads:
            running = [threads.submit(self.run) for _ in range(3)]
            try:
                yield
            finally:
                self._stop.set()
            for done in running:
                done.result()
            self._stop.clear()

    def check(self) -> None:
        """Everything that was accepted is found, once, and nothing else."""
        total = len(self.accepted) * _LINES
        until(
            lambda: self._server.search(service="web", limit=0, track_total_hits="true")["total_hits"] >= total, "all"
        )
        self._server.settle()
        found = self._server.search(service="web", limit=0, track_total_hits="true")["total_hits"]
        assert found == total
        for word in self.accepted[:: 1 + len(self.accepted) // 40]:
            assert self._server.search(q=word, service="web", limit=0)["total_hits"] == _LINES


def _not_ready(server: Server) -> str:
    """Why; empty when it is."""
    answer = server.get("/readyz")
    return "" if answer.status == 200 else str(answer.json()["error"]["message"])


class TestWhileRunning:
    @pytest.mark.parametrize("end", ["kill", "terminate"])
    def test_the_disk_fills_up(self, tmp_path: Path, disk: SmallDisk, end: str) -> None:
        followed = tmp_path / "app.log"
        followed.write_text("")
        server = Server(tmp_path / "server", files=[followed], settings={**_SETTINGS, "data_dir": disk.root / "data"})
        server.may_log_errors = True
        with server:
            clients = _Clients(server)
            with clients.running():
                until(lambda: len(clients.accepted) > 20, "bodies are accepted")
                disk.fill(but_bytes=_MIB)
                until(lambda: len(clients.refused) > 20, "bodies are refused")
                with followed.open("a") as file:
                    file.writelines(f"line {n}\n" for n in range(20_000))
                assert re.search("full|no space left", until(lambda: _not_ready(server), "it isn't ready").lower())
                refused = len(clients.refused)
                until(lambda: len(clients.refused) > refused + 300, "many more are refused")
            assert any("full" in reason for reason in clients.refused)
            assert 507 in clients.statuses
            until(lambda: server.search(service="web", limit=1)["total_hits"], "lines are found meanwhile")
            assert server.peak_rss_bytes() < 500 * _MIB
            if end == "kill":
                server.kill()
            else:
                assert server.terminate() in (0, 3)
            disk.fill()
            assert "full" in _refusal(server)
            disk.make_room()
            server.start()
            until(lambda: not _not_ready(server), "it is ready again")
            clients.check()
            until(lambda: server.search(service="app", limit=0, track_total_hits="true")["total_hits"] == 20_000, "all")
            server.kill()
            server.start()
            clients.check()
            assert server.search(service="app", limit=0, track_total_hits="true")["total_hits"] == 20_000

    def test_there_is_room_again(self, tmp_path: Path, disk: SmallDisk) -> None:
        server = Server(tmp_path / "server", settings={**_SETTINGS, "data_dir": disk.root / "data"})
        server.may_log_errors = True
        with server:
            clients = _Clients(server)
            for _ in range(3):
                with clients.running():
                    refused = len(clients.refused)
                    disk.fill(but_bytes=_MIB)
                    until(lambda: len(clients.refused) > refused + 20, "bodies are refused")  # noqa: B023
                    until(lambda: _not_ready(server), "it isn't ready")
                    disk.make_room()
                    accepted = len(clients.accepted)
                    until(lambda: len(clients.accepted) > accepted + 5, "bodies are accepted")  # noqa: B023
                # Not before: until the processor tries again, they would fill the disk for good.
                until(lambda: not _not_ready(server), "it is ready again")
            clients.check()
            assert server.terminate() == 0
            server.start()
            clients.check()

    def test_the_disk_of_the_segments_fills_up(self, tmp_path: Path) -> None:
        """The queue goes on accepting, and memory holds what it may."""
        server = Server(tmp_path / "server", settings=_SETTINGS)
        server.may_log_errors = True
        server.data_dir.mkdir(parents=True)
        with small_disk(server.data_dir / "index", 16 * _MIB) as disk, server:
            clients = _Clients(server)
            disk.fill(but_bytes=_MIB)
            with clients.running():
                until(lambda: server.stage("index.recent")["blocked_seconds"] > 0, "the index is full")
                accepted = len(clients.accepted)
                until(lambda: len(clients.accepted) > accepted + 20, "bodies are accepted")
            recent = server.stage("index.recent")
            assert recent["held"] <= recent["capacity"] + 24_000
            assert "segments can't be written" in _not_ready(server)
            assert server.peak_rss_bytes() < 500 * _MIB
            disk.make_room()
            clients.check()
            until(lambda: not _not_ready(server), "it is ready again")
            server.kill()
            server.start()
            clients.check()
