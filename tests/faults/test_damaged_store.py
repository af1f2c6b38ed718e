"""One file of a data folder is damaged between two runs: the process says which, counts it, and finds all the rest
once; or it refuses to start with one sentence."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.process import PATIENCE_SECONDS, Server, until

_SETTINGS = {"index.flush_rows": 40, "index.flush_seconds": 0.2, "parse.join_seconds": 0.01}
_LINES = 40
_REFUSED = 2
_NOT_KEPT = shutil.ignore_patterns("*-shm", "*.sock")


class Filled(NamedTuple):
    """The data folder as a kill left it and as a stop left it, and the file that its agent follows."""

    killed: Path
    stopped: Path
    followed: Path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Three segments with skip indexes, of 40 lines each; the last are of the followed file."""
    folder = tmp_path_factory.mktemp("filled")
    followed = folder / "app.log"
    followed.write_text("")
    with Server(folder, files=[followed], settings=_SETTINGS) as server:
        for number in range(2):
            server.ingest("sent", [{"message": f"sent {number} {n}"} for n in range(_LINES)])
            _until_indexed(server, number + 1)
        with followed.open("a") as file:
            file.writelines(f"followed {n}\n" for n in range(_LINES))
        _until_indexed(server, 3)
        groups = server.get("/api/v1/status").json()["transport"]["raw-logs"]["groups"]
        assert list(groups) == ["processor"], "the archiver takes nothing from the stream"
        server.kill()
        killed = folder / "killed"
        shutil.copytree(server.data_dir, killed, ignore=_NOT_KEPT)
        server.start()
        assert server.terminate() == 0
    return Filled(killed, server.data_dir, followed)


def _until_indexed(server: Server, batches: int) -> None:
    def indexed() -> bool:
        index = server.get("/api/v1/status").json()["index"]
        skips = len(list(server.data_dir.rglob("*.skip")))
        return bool(index["rows"] == batches * _LINES and not index["recent_rows"] and skips == index["segments"])

    until(indexed, f"{batches * _LINES} lines are in segments with skip indexes")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    # The middle of what isn't empty: most of a database's pages is.
    places = [at for at, byte in enumerate(data) if byte]
    data[places[len(places) // 2]] ^= 0xFF
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("harm", [_flip, _cut])
@pytest.mark.parametrize("kind", ["*.parquet", "*.skip", "manifest.db", "manifest.db-wal", "transport.db", "agent.db"])
def test_one_damaged_file(tmp_path: Path, filled: Filled, kind: str, harm: Callable[[Path], None]) -> None:
    server = Server(tmp_path, files=[filled.followed], settings=_SETTINGS)
    # The log of a database is emptied by a stop.
    shutil.copytree(filled.killed if kind.endswith("-wal") else filled.stopped, server.data_dir, ignore=_NOT_KEPT)
    path = min(server.data_dir.rglob(kind))
    whole = path.read_bytes()
    harm(path)
    try:
        if _refuses(server, kind):
            assert path.suffix not in (".parquet", ".skip"), "it can be put aside"
            sentences = server.log().splitlines()
            assert len(sentences) == 1, server.log()
            assert sentences[0].startswith("logd: ")
            assert kind.removesuffix("-wal") in sentences[0]
            assert len(list(server.data_dir.rglob("*.parquet"))) == 3
            return
        if path.suffix == ".skip":
            until(lambda: path.exists() and path.read_bytes() == whole, "it is made anew")
        if path.suffix == ".parquet":
            until(lambda: server.get("/api/v1/status").json()["index"]["quarantined"], "it is put aside")
        server.settle()
        found = Counter(record["message"] for record in server.search(limit=10_000)["logs"])
        aside = server.get("/api/v1/status").json()["index"]["quarantined"]
        lines = {f"sent {number} {n}" for number in range(2) for n in range(_LINES)}
        lines |= {f"followed {n}" for n in range(_LINES)}
        once = {message for message in found if not message.startswith("settle")}
        assert all(found[message] == 1 for message in once)
        if path.suffix == ".parquet":
            assert [Path(one["file"]).name for one in aside] == [path.name]
            assert once < lines
            assert len(once) + aside[0]["rows"] == len(lines)
        else:
            assert aside == []
            assert once == lines
    finally:
        server.kill()
        print(kind, harm.__name__, server.log()[-3_000:])
        assert "Traceback" not in server.log()


def _refuses(server: Server, kind: str) -> bool:
    """Starts it."""
    if kind == "agent.db":  # it may listen for a moment, but what it follows would be sent again
        server.launch()
        assert server.wait() == _REFUSED, server.log()
        return True
    try:
        server.start()
    except AssertionError:
        assert server.wait(PATIENCE_SECONDS) == _REFUSED, server.log()
        return True
    return False
