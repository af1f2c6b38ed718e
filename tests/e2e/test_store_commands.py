"""`logd store`: backup of a running server, restore, repair and verify, through the real command and process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.support.process import NDJSON, Server, ndjson, until

_SETTINGS = {"index.flush_rows": 60, "index.flush_seconds": 0.3, "parse.join_seconds": 0.01, "agent.poll_seconds": 0.02}
_ROOT = Path(__file__).parents[2]
_LINES = 20
#: All lines are found in one answer.
_MOST_REQUESTS = 450


def _store(data_dir: Path, *arguments: object) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "logd", "store", *map(str, arguments), "--set", f"data_dir={data_dir}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, check=False)
    return done.returncode, done.stdout, done.stderr


def _done(data_dir: Path, *arguments: object) -> str:
    code, out, error = _store(data_dir, *arguments)
    assert code == 0, out + error
    return out


def _refused(data_dir: Path, *arguments: object) -> str:
    """The one sentence on standard error."""
    code, out, error = _store(data_dir, *arguments)
    assert code in (1, 2), out
    assert error.count("\n") == 1, error
    return error


def _send(server: Server, number: int) -> None:
    records = [{"message": f"request {number} line {n}"} for n in range(_LINES)]
    answer = server.post(ndjson(records), {**NDJSON, "Idempotency-Key": f"{number}"}, "keys")
    assert answer.status == 202, answer


def _messages(server: Server, service: str) -> Counter[str]:
    server.settle()
    answer = server.search(service=service, limit=10_000, track_total_hits="true")
    assert answer["total_hits"] == len(answer["logs"])
    return Counter(record["message"] for record in answer["logs"])


def _sent(requests: int) -> Counter[str]:
    return Counter(f"request {number} line {n}" for number in range(requests) for n in range(_LINES))


def _fill(server: Server, requests: int = 12) -> None:
    for number in range(requests):
        _send(server, number)
    server.settle()


def test_a_backup_of_a_running_server_is_exact(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("")
    requests = lines = 0
    stop = threading.Event()

    def write(server: Server) -> None:
        nonlocal requests, lines
        while not stop.wait(0.002) and requests < _MOST_REQUESTS:
            with log.open("a") as file:
                file.writelines(f"file {lines + n}\n" for n in range(7))
            lines += 7
            _send(server, requests)
            requests += 1
            if requests % 150 == 149:
                log.rename(log.with_name(f"app.log.{requests}"))
                log.write_text("")

    files = json.dumps([{"paths": [f"{tmp_path}/app.log*"], "service": "file"}])
    settings = {**_SETTINGS, "agent.files": files}
    with Server(tmp_path / "first", settings=settings) as first:
        writer = threading.Thread(target=write, args=(first,))
        writer.start()
        try:
            for number in range(3):
                at = requests
                until(lambda at=at: requests > min(at + 5, _MOST_REQUESTS - 1), "requests are answered")  # type: ignore[misc]
                _done(first.data_dir, "backup", tmp_path / f"backup-{number}")
            assert "is not empty" in _refused(first.data_dir, "backup", tmp_path / "backup-0")
        finally:
            stop.set()
            writer.join()
        first.kill()
    assert "is not empty" in _refused(first.data_dir, "restore", tmp_path / "backup-0")
    for number in (0, 2):
        folder = tmp_path / f"restored-{number}"
        _done(folder / "data", "restore", tmp_path / f"backup-{number}")
        with Server(folder, settings=settings) as restored:
            restored.check_ledger()
            for again in range(requests):  # what clients don't know to be in the backup, they send again
                _send(restored, again)
            assert _messages(restored, "keys") == _sent(requests)
            until(lambda server=restored: _count(server, "file") >= lines, "the files are read")  # type: ignore[misc]
            assert _messages(restored, "file") == Counter(f"file {n}" for n in range(lines))
            restored.check_ledger()


def _count(server: Server, service: str) -> int:
    return int(server.search(service=service, limit=0, track_total_hits="true")["total_hits"])


def test_a_backup_of_a_stopped_server(tmp_path: Path) -> None:
    with Server(tmp_path / "first", settings=_SETTINGS) as first:
        _fill(first)
        first.kill()
    _done(first.data_dir, "backup", tmp_path / "backup")
    _done(tmp_path / "second" / "data", "restore", tmp_path / "backup")
    with Server(tmp_path / "second", settings=_SETTINGS) as second:
        assert _messages(second, "keys") == _sent(12)
        second.check_ledger()


def test_what_is_no_whole_backup_is_not_restored(tmp_path: Path) -> None:
    with Server(tmp_path / "first", settings=_SETTINGS) as first:
        _fill(first)
        assert first.terminate() == 0
    backup, target = tmp_path / "backup", tmp_path / "second"
    _done(first.data_dir, "backup", backup)
    about = backup / "backup.json"
    whole = about.read_text()
    assert "is no backup" in _refused(target, "restore", tmp_path / "nothing")
    about.unlink()
    assert "not finished" in _refused(target, "restore", backup)
    about.write_text(whole.replace('"format": 1', '"format": 2'))
    assert "has format 2" in _refused(target, "restore", backup)
    about.write_text(whole)
    segment = next(backup.rglob("*.parquet"))
    _flip(segment, segment.stat().st_size // 2)
    assert segment.name in _refused(target, "restore", backup)
    assert not list(target.rglob("*.parquet"))


def test_killed_in_the_middle_of_a_backup(tmp_path: Path) -> None:
    environment = {"CRASH_LOGD_AT": "backup.segment"}
    with Server(tmp_path / "first", settings=_SETTINGS, environment=environment) as first:
        _fill(first)
        until(lambda: first.get("/api/v1/status").json()["index"]["segments"], "a segment is there")
        assert "can't be asked" in _refused(first.data_dir, "backup", tmp_path / "backup")
        first.wait()
        first.environment.clear()
        assert "no backup" in _refused(tmp_path / "second", "restore", tmp_path / "backup")
        first.restart()
        assert _messages(first, "keys") == _sent(12)
        _done(first.data_dir, "backup", tmp_path / "another")


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


def _start_is_refused(server: Server) -> str:
    """The one sentence with which the process ends."""
    server.launch()
    assert server.wait() == 2
    log = server.log()
    assert log.count("\n") == 1, log
    return log


@pytest.mark.parametrize("damage", ["gone", "flipped", "truncated", "yesterday"])
def test_a_manifest_is_made_anew(tmp_path: Path, damage: str) -> None:
    with Server(tmp_path, settings=_SETTINGS) as server:
        _fill(server, 3)
        assert server.terminate() == 0
        manifest = server.data_dir / "index" / "manifest.db"
        yesterday = shutil.copy(manifest, tmp_path / "yesterday.db")
        server.start()
        _fill(server)
        assert server.terminate() == 0
        match damage:
            case "gone":
                manifest.unlink()
            case "flipped":
                _flip(manifest, 20)
                _flip(manifest, 4096 + 5)
            case "truncated":
                manifest.write_bytes(manifest.read_bytes()[:5000])
            case "yesterday":
                shutil.copy(yesterday, manifest)
        assert "logd store repair" in _start_is_refused(server)
        out = _done(server.data_dir, "repair")
        assert "a new manifest names" in out
        server.start()
        assert _messages(server, "keys") == _sent(12)
        server.check_ledger()
        assert server.get("/api/v1/status").json()["index"]["quarantined"] == []
        _send(server, 12)
        assert _messages(server, "keys") == _sent(13)


def test_a_queue_that_is_gone_is_no_loss_of_what_is_indexed(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_SETTINGS) as server:
        _fill(server)
        assert server.terminate() == 0
        for file in server.data_dir.glob("transport.db*"):
            file.unlink()
        (server.data_dir / "index" / "manifest.db").unlink()
        _done(server.data_dir, "repair")
        server.start()
        assert _messages(server, "keys") == _sent(12)
        server.check_ledger()


def test_verify(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_SETTINGS) as server:
        _fill(server)
        assert "0 damaged" in _done(server.data_dir, "verify")
        assert server.terminate() == 0
    segment = next(server.data_dir.rglob("*.parquet"))
    _flip(segment, segment.stat().st_size // 3)
    code, out, _ = _store(server.data_dir, "verify")
    assert code == 1
    assert segment.name in out
    for action in ("verify", "repair"):
        assert "does not exist" in _refused(tmp_path / "nothing", action)


@pytest.mark.parametrize("kind", ["*.parquet", "*.skip"])
@pytest.mark.parametrize("change", ["flipped", "truncated", "gone"])
def test_a_damaged_file_is_named_and_the_rest_is_found(tmp_path: Path, kind: str, change: str) -> None:
    with Server(tmp_path, settings=_SETTINGS) as server:
        _fill(server)
        until(lambda: list(server.data_dir.rglob("*.skip")), "a skip index is made")
        assert server.terminate() == 0
        server.may_log_errors = True
        damaged = max(server.data_dir.rglob(kind), key=lambda path: path.stat().st_size)
        match change:
            case "flipped":
                _flip(damaged, damaged.stat().st_size // 2)
            case "truncated":
                damaged.write_bytes(damaged.read_bytes()[:-10])
            case "gone":
                damaged.unlink()
        server.start()
        status = server.get("/api/v1/status").json
        if kind == "*.skip":
            assert _messages(server, "keys") == _sent(12)
            return
        (aside,) = until(lambda: status()["index"]["quarantined"], "it is put aside")
        assert Path(aside["file"]).name == damaged.name
        assert aside["rows"] > 0
        found = _messages(server, "keys")
        assert found <= _sent(12)
        assert found.total() + aside["rows"] >= _sent(12).total()
        assert b"logd_index_quarantined_files 1.0" in server.get("/metrics").body
        server.check_ledger()
        if change != "gone":
            assert list((server.data_dir / "index" / "quarantine").iterdir())


@pytest.mark.parametrize("name", ["index/manifest.db", "transport.db", "agent.db"])
def test_a_flipped_byte_in_a_database(tmp_path: Path, name: str) -> None:
    """Anywhere: the process is up and gives right answers, or refuses to start with one sentence."""
    log = tmp_path / "app.log"
    log.write_text("".join(f"file {n}\n" for n in range(50)))
    with Server(tmp_path / "server", settings=_SETTINGS, files=[log]) as server:
        _fill(server)
        assert server.terminate() == 0
        server.may_log_errors = True
        file = server.data_dir / name
        whole = file.read_bytes()
        refused = 0
        for place in range(0, len(whole), max(1, len(whole) // 12)):
            shutil.copytree(server.data_dir, tmp_path / "copy")
            _flip(file, place)
            server.launch()
            try:
                ended = server.wait(3)
            except subprocess.TimeoutExpired:
                server.wait_listening()
                assert _messages(server, "keys") == _sent(12)
                server.kill()
            else:
                assert ended == 2, server.log()
                assert server.log().count("\n") <= 2, server.log()
                assert "Traceback" not in server.log()
                refused += 1
            shutil.rmtree(server.data_dir)
            (tmp_path / "copy").rename(server.data_dir)
        print(f"{name}: {refused} refused")
