"""`logd store backup` of a server under load, and what is made of it: every line is found once, wherever it was at the
moment of the backup."""

from __future__ import annotations

import http.client
import json
import random
import threading
from pathlib import Path

import pytest

from logd.backup import about
from tests.support.access import token
from tests.support.commands import logd
from tests.support.load import PAUSE_SECONDS, SETTINGS, found_once, time_of, write_file, writers
from tests.support.process import NDJSON, SEARCH, Server, ndjson, until

#: Small segments, so that merges are under way all the time.
_SETTINGS = {**SETTINGS, "index.flush_rows": 300}
_REQUEST_LINES = 40
_BEFORE, _AFTER = 4_000, 3_000


class _Sender:
    """Requests with keys, one after the other, that can all be sent again."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.stop = threading.Event()
        self.requests = 0

    def send(self, number: int, server: Server) -> int:
        """The status of the answer."""
        first = number * _REQUEST_LINES
        lines = [{"timestamp": time_of(0, n), "message": f"http {n}"} for n in range(first, first + _REQUEST_LINES)]
        return server.post(ndjson(lines), {**NDJSON, "Idempotency-Key": f"request {number}"}, "http").status

    def run(self) -> int:
        """Until the server is gone, or `stop`; gives how many were accepted."""
        while not self.stop.wait(PAUSE_SECONDS):
            try:
                status = self.send(self.requests, self.server)
            except (OSError, http.client.HTTPException):
                break
            assert status == 202
            self.requests += 1
        return self.requests


def _lines(server: Server, service: str) -> int:
    return int(server.search(service=service, limit=0, track_total_hits="true")["total_hits"])


def test_a_backup_under_load_has_every_line_once(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    files = json.dumps([{"paths": [f"{logs}/app.log*"], "service": "file"}])
    settings = {**_SETTINGS, "agent.files": files}
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    server = Server(tmp_path / "first", settings=settings)
    restored = Server(tmp_path / "second", settings=settings)
    sender, ended = _Sender(server), threading.Event()
    jobs = {
        "http": sender.run,
        "file": lambda: write_file(logs / "app.log", "file", 2, random.Random(seed), ended),
    }

    def end() -> None:
        sender.stop.set()
        ended.set()

    with server, writers(jobs, end) as running:
        until(lambda: _lines(server, "http") > _BEFORE and _lines(server, "file") > _BEFORE, "there are lines")
        for number in range(3):
            done = logd("store", "backup", tmp_path / f"backup-{number}", data_dir=server.data_dir)
            assert (done.code, done.error) == (0, ""), done
        assert "merged_segments" in server.get("/api/v1/status").json()["archiver"]
        assert server.get("/api/v1/status").json()["archiver"]["merged_segments"] > 0
        reached = _lines(server, "http")
        until(lambda: _lines(server, "http") > reached + _AFTER, "lines come after the backup")
        server.kill()
        running["http"].result()
        done = logd("store", "restore", tmp_path / "backup-1", data_dir=restored.data_dir)
        assert done.code == 0, done
        with restored:
            assert _lines(restored, "http") < sender.requests * _REQUEST_LINES
            for request in range(sender.requests + 1):
                assert sender.send(request, restored) == 202
            ended.set()
            written = running["file"].result()
            restored.settle()
            last = f"file {written - 1}"
            until(lambda: restored.search(service="file", q=f'"{last}"')["logs"], "the file's last line is found")
            restored.settle()
            found_once(restored, "http", 0, "http", (sender.requests + 1) * _REQUEST_LINES)
            found_once(restored, "file", 2, "file", written)
            assert "dead-letters" not in restored.get("/api/v1/status").json()["transport"]
            restored.check_ledger()
    for number in (0, 2):
        assert about.read(tmp_path / f"backup-{number}").rows > 0


def test_rows_that_are_only_in_memory_are_in_the_backup(tmp_path: Path) -> None:
    settings = {"index.flush_seconds": 3_600}
    with Server(tmp_path / "first", settings=settings) as server:
        server.ingest("web", [{"message": f"{n}"} for n in range(100)])
        assert len(server.records("web")) == 100
        assert logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir).code == 0
        assert about.read(tmp_path / "backup").segments == 0
    restored = Server(tmp_path / "second")
    assert logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir).code == 0
    with restored:
        assert len(restored.records("web")) == 100


def test_without_a_server(tmp_path: Path) -> None:
    with Server(tmp_path / "first") as server:
        server.ingest("web", [{"message": "a"}])
        assert len(server.records("web")) == 1
        assert server.terminate() == 0
    assert not (server.data_dir / "control.sock").exists()
    done = logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir)
    assert (done.code, done.out.startswith("2 rows in 1 segments")) == (0, True), done
    restored = Server(tmp_path / "second")
    assert logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir).code == 0
    with restored:
        assert len(restored.records("web")) == 1


def test_a_damaged_segment_is_said_and_put_aside(tmp_path: Path) -> None:
    settings = {"index.flush_rows": 1, "index.flush_seconds": 0.1}
    # Without the archiver, which would find the damage first.
    with Server(tmp_path / "first", settings=settings, roles="processor,api") as server:
        server.may_log_errors = True
        server.ingest("web", [{"message": "a", "timestamp": "2026-11-01T00:00:00Z"}])
        server.ingest("web", [{"message": "b", "timestamp": "2026-11-02T00:00:00Z"}])
        first = server.data_dir / "index/policy=DEFAULT/date=2026-11-01"
        (segment,) = until(lambda: list(first.glob("*.parquet")), "it is flushed")
        until(lambda: server.search(service="web")["total_hits"] == 2, "both are found")
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
        done = logd("store", "verify", data_dir=server.data_dir)
        assert (done.code, f"{segment.name} is damaged" in done.out) == (1, True), done
        done = logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir)
        assert done.code == 1
        assert f"{segment.name} with 1 rows is damaged, and not in it: its checksum is" in done.out
        (named,) = server.get("/api/v1/status").json()["index"]["quarantined"]
        assert named["file"].endswith(segment.name)
        assert [record["message"] for record in server.records("web")] == ["b"]
        server.check_ledger()
        assert logd("store", "verify", data_dir=server.data_dir).code == 0
    restored = Server(tmp_path / "second")
    assert logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir).code == 0
    with restored:
        restored.may_log_errors = True
        assert [record["message"] for record in restored.records("web")] == ["b"]
        restored.check_ledger()


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one line in a segment."""
    folder = tmp_path_factory.mktemp("backup")
    with Server(folder) as server:
        server.ingest("web", [{"message": "a"}])
        server.settle()
        assert server.terminate() == 0
    assert logd("store", "backup", folder / "backup", data_dir=server.data_dir).code == 0
    return folder / "backup"


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("transport.db", 1, "transport.db has "),
        ("agent.db", 1, "agent.db has "),
        ("index/manifest.db", 1, "manifest.db has "),
        ("index/policy=DEFAULT/*/*.parquet", 1, ".parquet has "),
        ("backup.json", 2, "backup.json is damaged"),
    ],
)
def test_a_flipped_byte_is_not_restored(tmp_path: Path, backup: Path, name: str, code: int, sentence: str) -> None:
    copy = tmp_path / "backup"
    _copy(backup, copy)
    (path,) = copy.glob(name)
    _flip(path)
    done = logd("store", "restore", copy, data_dir=tmp_path / "data")
    assert (done.code, sentence in done.error) == (code, True), done
    assert {path.name for path in tmp_path.glob("data/*")} <= {"lock"}
    # What is mended can be restored there.
    _flip(path)
    assert logd("store", "restore", copy, data_dir=tmp_path / "data").code == 0


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())


def test_refused_restores(tmp_path: Path, backup: Path) -> None:
    def refusal(directory: Path, data_dir: Path) -> str:
        done = logd("store", "restore", directory, data_dir=data_dir)
        assert done.code == 2
        assert done.error.count("\n") == 1
        return done.error

    assert "is no backup, or one that was not finished" in refusal(tmp_path, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    (tmp_path / "used").mkdir()
    (tmp_path / "used/file").touch()
    assert "is not empty" in refusal(backup, tmp_path / "used")
    copy = tmp_path / "backup"
    _copy(backup, copy)
    (copy / about.NAME).write_text((copy / about.NAME).read_text().replace('"format": 1', '"format": 2'))
    assert "has format 2, this logd knows up to 1: use a newer logd" in refusal(copy, tmp_path / "data")
    (copy / about.NAME).write_text((copy / about.NAME).read_text().replace('"format": 2', '"format": 0'))
    assert "is damaged" in refusal(copy, tmp_path / "data")
    (copy / about.NAME).unlink()
    assert "is no backup" in refusal(copy, tmp_path / "data")
    with Server(tmp_path / "server") as server:
        assert "is not empty" in refusal(backup, server.data_dir)


def test_refused_backups(tmp_path: Path) -> None:
    done = logd("store", "backup", tmp_path / "backup", data_dir=tmp_path / "none")
    assert (done.code, "does not exist" in done.error) == (2, True), done
    assert not (tmp_path / "none").exists()
    with Server(tmp_path / "server") as server:
        for directory in (server.data_dir, server.data_dir / "index" / "backup"):
            done = logd("store", "backup", directory, data_dir=server.data_dir)
            assert (done.code, "is in the data folder" in done.error) == (1, True), done
        (tmp_path / "used").mkdir()
        (tmp_path / "used/file").touch()
        done = logd("store", "backup", tmp_path / "used", data_dir=server.data_dir)
        assert (done.code, "is not empty" in done.error) == (1, True), done
        done = logd("store", "backup", "/proc/backup", data_dir=server.data_dir)
        assert (done.code, "/proc/backup can't be used" in done.error) == (1, True), done
        assert (server.data_dir / "control.sock").stat().st_mode & 0o777 == 0o600
        done = logd("store", "repair", data_dir=server.data_dir)
        assert (done.code, "in use by another logd process" in done.error) == (2, True), done


def test_a_data_folder_whose_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    with Server(tmp_path / ("x" * 100)) as server:
        server.ingest("web", [{"message": "a"}])
        assert "no control socket" in server.log()
        done = logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir)
        assert done.code == 1
        assert "can't be asked for a backup" in done.error
        assert server.terminate() == 0
    assert logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir).code == 0


def test_tokens_are_in_it(tmp_path: Path) -> None:
    """As they were; and a damaged catalog is found."""
    with Server(tmp_path / "first", roles="processor,api") as server:
        made = token(server.data_dir, "search")
        until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
        done = logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir)
        assert done.code == 0, done
        assert logd("token", "revoke", made.id, data_dir=server.data_dir).code == 0
    restored = Server(tmp_path / "second", roles="processor,api")
    assert logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir).code == 0
    with restored:
        assert restored.get(SEARCH).status == 401
        assert restored.request("GET", SEARCH, None, made.header).status == 200
        assert logd("store", "verify", data_dir=restored.data_dir).code == 0
    path = restored.data_dir / "catalog.db"
    path.write_bytes(path.read_bytes()[:4096] + bytes(12_288))
    done = logd("store", "verify", data_dir=restored.data_dir)
    assert done.code == 1
    assert "catalog.db is damaged" in done.out
