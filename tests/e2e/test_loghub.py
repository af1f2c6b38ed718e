"""Real logs of nine systems through the real process: each line once, as their tables say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import loghub
from tests.support.process import Server, until

#: Most files end without a newline: their last line is taken after so long.
_SETTINGS = {"agent.partial_line_seconds": 0.5, "agent.rescan_seconds": 0.2, "agent.poll_seconds": 0.05}


@pytest.fixture
def logs(test_data: Path, tmp_path: Path) -> Path:
    """A folder with copies of the nine files, which can be written to."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for system in loghub.SYSTEMS:
        shutil.copyfile(loghub.path_of(test_data, system), folder / f"{system}_2k.log")
    return folder


@pytest.fixture
def server(logs: Path, tmp_path: Path) -> Iterator[Server]:
    """A process that has followed all of them."""
    with Server(tmp_path / "server", files=[logs], settings=_SETTINGS) as running:
        for system in loghub.SYSTEMS:
            _wait(running, system, loghub.LINES)
        yield running


def _wait(server: Server, system: str, count: int) -> None:
    until(lambda: _total(server, system) >= count, f"{count} lines of {system} are found")


def _total(server: Server, system: str) -> int:
    return int(server.search(service=f"{system}_2k", limit=0, track_total_hits="true")["total_hits"])


def _found(server: Server, system: str, page: int = 700) -> list[dict[str, Any]]:
    """All records of a system, in the order of the file, a page at a time."""
    records: list[dict[str, Any]] = []
    while logs := server.search(service=f"{system}_2k", offset=len(records), limit=page)["logs"]:
        records += logs
    assert records == sorted(records, key=_place, reverse=True)
    return sorted(records, key=lambda record: str(record["log_id"]))


def _place(record: dict[str, Any]) -> tuple[datetime, str]:
    return datetime.fromisoformat(record["timestamp"]), record["log_id"]


def _all_are_found_once(server: Server, logs: Path, test_data: Path, more: Sequence[str] = ()) -> None:
    """The lines of the tables, then `more`, which were written behind them."""
    server.settle()
    for system in loghub.SYSTEMS:
        records = _found(server, system)
        expected = [row["Content"].rstrip() for row in loghub.rows(test_data, system)]
        assert [record["message"].rstrip() for record in records] == [*expected, *more], system
        assert len({record["log_id"] for record in records}) == len(records)
        assert {record["source"] for record in records} == {str(logs / f"{system}_2k.log")}
        assert all(record["tags"] == [] for record in records)


def _append(path: Path, *texts: str) -> None:
    with path.open("a") as file:
        file.writelines(texts)


def test_every_line_is_found_once_and_again_after_restarts(server: Server, logs: Path, test_data: Path) -> None:
    _all_are_found_once(server, logs, test_data)
    more: list[str] = []
    for number, end in enumerate((server.terminate, server.kill)):
        end()
        # What was read twice would come before these lines.
        more.append(f"2026-01-01T00:00:00Z restart {number}")
        for system in loghub.SYSTEMS:
            path = logs / f"{system}_2k.log"
            _append(path, "" if path.read_bytes().endswith(b"\n") else "\n", f"{more[-1]}\n")
        server.restart()
        for system in loghub.SYSTEMS:
            _wait(server, system, loghub.LINES + number + 1)
        _all_are_found_once(server, logs, test_data, more)


def test_times_and_levels_are_those_of_the_tables(server: Server, test_data: Path) -> None:
    latest = datetime.now(UTC) + timedelta(hours=1)
    for system in loghub.SYSTEMS:
        rows, records = loghub.rows(test_data, system), _found(server, system)
        expected = [loghub.TIMES[system](row, latest) for row in rows]
        assert [datetime.fromisoformat(record["timestamp"]) for record in records] == expected, system
        if loghub.level_of(system, rows[0]) is not None:
            levels = [loghub.level_of(system, row) for row in rows]
            assert [record["level"] for record in records] == levels, system
