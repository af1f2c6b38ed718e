"""Real logs of nine systems through the real process: each line once, its text whole, its time right."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import Server, until

_SYSTEMS = ("Apache", "HDFS", "Hadoop", "Linux", "Mac", "OpenSSH", "OpenStack", "Spark", "Zookeeper")
_LINES = 2_000
#: Most files end without a newline: their last line is taken after so long.
_SETTINGS = {"agent.partial_line_seconds": 0.5, "agent.rescan_seconds": 0.2, "agent.poll_seconds": 0.05}


@pytest.fixture
def logs(test_data: Path, tmp_path: Path) -> Path:
    """A folder with copies of the nine files, which can be written to."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for system in _SYSTEMS:
        shutil.copyfile(test_data / "loghub" / f"{system}_2k.log", folder / f"{system}_2k.log")
    return folder


@pytest.fixture
def server(logs: Path, tmp_path: Path) -> Iterator[Server]:
    """A process that has followed all of them."""
    with Server(tmp_path / "server", files=[logs], settings=_SETTINGS) as running:
        for system in _SYSTEMS:
            _wait(running, system, _LINES)
        yield running


def _wait(server: Server, system: str, count: int) -> None:
    until(lambda: _total(server, system) >= count, f"{count} lines of {system} are found")


def _total(server: Server, system: str) -> int:
    return int(server.search(service=f"{system}_2k", limit=0, track_total_hits="true")["total_hits"])


def _lines(path: Path) -> list[str]:
    """The file's lines without their endings. Only a newline ends a line."""
    lines = path.read_bytes().split(b"\n")
    return [line.removesuffix(b"\r").decode() for line in lines if line]


def _found(server: Server, system: str, page: int = 700) -> list[dict[str, Any]]:
    """All records of a system, in the order of the file, a page at a time."""
    records: list[dict[str, Any]] = []
    while logs := server.search(service=f"{system}_2k", offset=len(records), limit=page)["logs"]:
        records += logs
    assert records == sorted(records, key=lambda record: (record["timestamp"], record["log_id"]), reverse=True)
    return sorted(records, key=lambda record: str(record["log_id"]))


def _all_are_found_once(server: Server, logs: Path) -> None:
    server.settle()
    for system in _SYSTEMS:
        path = logs / f"{system}_2k.log"
        records = _found(server, system)
        assert [record["message"] for record in records] == _lines(path)
        assert len({record["log_id"] for record in records}) == len(records)
        assert {record["source"] for record in records} == {str(path)}
        assert all(record["tags"] == [] and record["metadata"] == {} for record in records)


def _append(path: Path, *texts: str) -> None:
    with path.open("a") as file:
        file.writelines(texts)


def test_every_line_is_found_once_and_again_after_restarts(server: Server, logs: Path) -> None:
    _all_are_found_once(server, logs)
    for number, end in enumerate((server.terminate, server.kill)):
        end()
        # What was read twice would come before these lines.
        for system in _SYSTEMS:
            path = logs / f"{system}_2k.log"
            _append(path, "" if path.read_bytes().endswith(b"\n") else "\n", f"2026-01-01T00:00:00Z restart {number}\n")
        server.restart()
        for system in _SYSTEMS:
            _wait(server, system, _LINES + number + 1)
        _all_are_found_once(server, logs)


def _yearless(month: str, day: str, clock: str) -> datetime:
    """In the latest year in which it isn't ahead."""
    latest = datetime.now(UTC) + timedelta(hours=1)
    time = datetime.strptime(f"{latest.year} {month} {day} {clock}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
    return time if time <= latest else time.replace(year=latest.year - 1)


def _iso(row: Mapping[str, str]) -> datetime:
    return datetime.strptime(f"{row['Date']} {row['Time']}", "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC)


#: What the tables call the levels.
_LEVELS = {"INFO": "INFO", "WARN": "WARN", "ERROR": "ERROR", "FATAL": "FATAL", "notice": "INFO", "error": "ERROR"}
#: The time of a row of `SYSTEM_2k.log_structured.csv`.
_TIMES: dict[str, Callable[[Mapping[str, str]], datetime]] = {
    "Zookeeper": _iso,
    "Hadoop": _iso,
    "Apache": lambda row: datetime.strptime(row["Time"], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC),
    "Linux": lambda row: _yearless(row["Month"], row["Date"], row["Time"]),
    "Mac": lambda row: _yearless(row["Month"], row["Date"], row["Time"]),
    "OpenSSH": lambda row: _yearless(row["Date"], row["Day"], row["Time"]),
}


def test_times_are_those_of_the_tables(server: Server, test_data: Path) -> None:
    for system, time_of in _TIMES.items():
        with (test_data / "loghub" / f"{system}_2k.log_structured.csv").open(newline="") as file:
            expected = [time_of(row) for row in csv.DictReader(file)]
        assert len(expected) == _LINES
        assert [datetime.fromisoformat(record["timestamp"]) for record in _found(server, system)] == expected, system


def test_levels_are_those_of_the_tables(server: Server, test_data: Path) -> None:
    for system in ("Zookeeper", "Hadoop", "Apache", "HDFS", "Spark"):
        with (test_data / "loghub" / f"{system}_2k.log_structured.csv").open(newline="") as file:
            expected = [_LEVELS[row["Level"]] for row in csv.DictReader(file)]
        assert [record["level"] for record in _found(server, system)] == expected, system
