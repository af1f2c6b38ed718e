"""`logd store repair`: a manifest that is missing, damaged or of yesterday is made anew; each line is found once."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from logd.flow import crash
from tests.support.commands import logd
from tests.support.load import found_once, time_of
from tests.support.process import NDJSON, Server, ndjson, until

#: It is quiet between flushes, so that four of them are merged.
_SETTINGS = {"index.flush_rows": 50, "index.flush_seconds": 0.2, "parse.join_seconds": 0.01}
_LINES = 50


def _send(server: Server, first: int, requests: int) -> int:
    """Lines from two days; gives the next."""
    for number in range(first, first + requests * _LINES, _LINES):
        lines = [{"timestamp": time_of(0, n), "message": f"web {n}"} for n in range(number, number + _LINES)]
        lines.append({"timestamp": time_of(1, number), "service": "other", "message": f"other {number}"})
        assert server.post(ndjson(lines), {**NDJSON, "Idempotency-Key": f"{number}"}, "web").status == 202
        server.settle()
    return first + requests * _LINES


def _files(root: Path) -> list[Path]:
    return [root / f"manifest.db{part}" for part in ("", "-wal", "-shm")]


def _missing(root: Path, yesterday: Path) -> None:
    for path in _files(root):
        path.unlink(missing_ok=True)


def _flipped(root: Path, yesterday: Path) -> None:
    for path in _files(root)[:2]:
        if path.exists():
            data = bytearray(path.read_bytes())
            data[64::512] = bytes(byte ^ 0xFF for byte in data[64::512])
            path.write_bytes(data)


def _cut(root: Path, yesterday: Path) -> None:
    _missing(root, yesterday)
    path = yesterday / "manifest.db"
    (root / "manifest.db").write_bytes(path.read_bytes()[:-4096])


def _of_yesterday(root: Path, yesterday: Path) -> None:
    _missing(root, yesterday)
    for path in yesterday.iterdir():
        shutil.copy(path, root / path.name)


@pytest.mark.parametrize("ended", ["stopped", "killed"])
@pytest.mark.parametrize("damage", [_missing, _flipped, _cut, _of_yesterday])
def test_repaired(tmp_path: Path, damage: Callable[[Path, Path], None], ended: str) -> None:
    with Server(tmp_path, settings=_SETTINGS, roles="processor,api,archiver") as server:
        server.may_log_errors = True
        root, yesterday = server.data_dir / "index", tmp_path / "yesterday"
        sent = _send(server, 0, 3)
        assert server.terminate() == 0
        yesterday.mkdir()
        shutil.copy(root / "manifest.db", yesterday)
        server.start()
        sent = _send(server, sent, 8)
        until(lambda: server.get("/api/v1/status").json()["archiver"]["merged_segments"], "some are merged")
        sent = _send(server, sent, 2)
        if ended == "stopped":
            assert server.terminate() == 0
        server.kill()
        damage(root, yesterday)

        server.launch()
        assert server.wait() == 2
        assert "`logd store repair`" in server.log()
        done = logd("store", "repair", data_dir=server.data_dir)
        assert (done.code, "a new manifest names" in done.out, done.error) == (0, True, ""), done
        # Where there was none, the start that was refused has made one.
        assert "the old one is kept as" in done.out
        server.check_ledger()

        server.start()
        server.settle()
        found_once(server, "web", 0, "web", sent)
        sent = _send(server, sent, 1)
        found_once(server, "web", 0, "web", sent)
        assert server.terminate() == 0
        server.check_ledger()
        server.start()
        found_once(server, "web", 0, "web", sent)
        assert server.search(service="other", limit=0, track_total_hits="true")["total_hits"] == sent // _LINES
        assert server.get("/api/v1/status").json()["index"]["quarantined"] == []


def test_repaired_without_a_transport(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_SETTINGS, roles="processor,api,archiver") as server:
        sent = _send(server, 0, 3)
        assert server.terminate() == 0
        _missing(server.data_dir / "index", tmp_path)
        (server.data_dir / "transport.db").unlink()
        assert logd("store", "repair", data_dir=server.data_dir).code == 0
        server.start()
        server.check_ledger()
        found_once(server, "web", 0, "web", sent)
        sent = _send(server, sent, 1)
        found_once(server, "web", 0, "web", sent)


def test_what_is_damaged_is_put_aside_and_named(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_SETTINGS, roles="processor,api") as server:
        server.may_log_errors = True
        sent = _send(server, 0, 3)
        assert server.terminate() == 0
        root = server.data_dir / "index"
        path = sorted(root.glob("policy=*/date=2026-11-20/*.parquet"))[0]
        path.write_bytes(path.read_bytes()[:-100])
        _missing(root, tmp_path)
        done = logd("store", "repair", data_dir=server.data_dir)
        assert done.code == 0
        assert f"{path.relative_to(root)} with 0 rows is put aside" in done.out
        server.start()
        server.check_ledger()
        assert server.search(service="web", limit=0)["total_hits"] < sent
        (named,) = server.get("/api/v1/status").json()["index"]["quarantined"]
        assert named["file"] == str(path.relative_to(root))


@pytest.mark.parametrize("point", crash.REPAIR_POINTS)
def test_killed_within_a_repair(tmp_path: Path, point: str) -> None:
    with Server(tmp_path, settings=_SETTINGS, roles="processor,api,archiver") as server:
        sent = _send(server, 0, 6)
        server.kill()
        _flipped(server.data_dir / "index", tmp_path)
        done = logd("store", "repair", data_dir=server.data_dir, environment={crash.VARIABLE: point})
        assert done.code == -signal.SIGKILL
        server.launch()
        assert server.wait() == 2
        assert logd("store", "repair", data_dir=server.data_dir).code == 0
        server.start()
        server.settle()
        found_once(server, "web", 0, "web", sent)
        server.check_ledger()


def test_refused(tmp_path: Path) -> None:
    done = logd("store", "repair", data_dir=tmp_path / "none")
    assert (done.code, "does not exist" in done.error) == (2, True), done
    done = logd("store", "repair", data_dir=tmp_path)
    assert (done.code, "there is nothing to repair" in done.error) == (2, True), done
