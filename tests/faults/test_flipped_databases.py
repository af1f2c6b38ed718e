"""A byte of a database is flipped, anywhere: the process gives right answers, or refuses to start with one sentence."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.support.process import Server

_SETTINGS = {"index.flush_rows": 40, "index.flush_seconds": 0.2, "parse.join_seconds": 0.01}
_LINES = [f"line {n}" for n in range(200)]
_PLACES = 12
_REFUSED = 2


@pytest.mark.parametrize("name", ["index/manifest.db", "transport.db"])
def test_a_flipped_byte(tmp_path: Path, name: str) -> None:
    with Server(tmp_path, settings=_SETTINGS, roles="processor,api,archiver") as server:
        for start in range(0, len(_LINES), 50):
            server.ingest("s", [{"message": line} for line in _LINES[start : start + 50]])
        server.settle()
        assert server.terminate() == 0
        server.may_log_errors = True
        whole = (server.data_dir / name).read_bytes()
        untouched = tmp_path / "untouched"
        server.data_dir.rename(untouched)
        refused = 0
        for place in range(0, len(whole), max(1, len(whole) // _PLACES)):
            shutil.copytree(untouched, server.data_dir)
            (server.data_dir / name).write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            try:
                server.start()
            except AssertionError:
                assert server.wait() == _REFUSED, server.log()
                assert server.log().count("\n") == 1, server.log()
                refused += 1
            else:
                assert Counter(record["message"] for record in server.records("s")) == Counter(_LINES)
                server.kill()
            shutil.rmtree(server.data_dir)
        print(f"{refused} refused")
