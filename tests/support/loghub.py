"""What the tables of the real logs (`$TEST_DATA/loghub`) say of each line: time, level, content and the rest."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

LINES = 2_000
Row = Mapping[str, str]


def rows(test_data: Path, system: str) -> list[Row]:
    """The rows of a system's table, in the order of its lines."""
    with (test_data / "loghub" / f"{system}_2k.log_structured.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def path_of(test_data: Path, system: str) -> Path:
    """A system's log."""
    return test_data / "loghub" / f"{system}_2k.log"


def _dated(row: Row, form: str) -> datetime:
    return datetime.strptime(f"{row['Date']} {row['Time']}", form).replace(tzinfo=UTC)


def _yearless(row: Row, month: str, day: str, latest: datetime) -> datetime:
    """In the latest year in which it isn't ahead."""
    text = f"{latest.year} {row[month]} {row[day]} {row['Time']}"
    time = datetime.strptime(text, "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
    return time if time <= latest else time.replace(year=latest.year - 1)


#: The time of a row, of lines that may be no later than `latest`. HDFS's table has numbers, without zeros before them.
TIMES: Mapping[str, Callable[[Row, datetime], datetime]] = {
    "Apache": lambda row, _: datetime.strptime(row["Time"], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC),
    "HDFS": lambda row, _: _dated({"Date": row["Date"].zfill(6), "Time": row["Time"].zfill(6)}, "%y%m%d %H%M%S"),
    "Hadoop": lambda row, _: _dated(row, "%Y-%m-%d %H:%M:%S,%f"),
    "Linux": lambda row, latest: _yearless(row, "Month", "Date", latest),
    "Mac": lambda row, latest: _yearless(row, "Month", "Date", latest),
    "OpenSSH": lambda row, latest: _yearless(row, "Date", "Day", latest),
    "OpenStack": lambda row, _: _dated(row, "%Y-%m-%d %H:%M:%S.%f"),
    "Spark": lambda row, _: _dated(row, "%y/%m/%d %H:%M:%S"),
    "Zookeeper": lambda row, _: _dated(row, "%Y-%m-%d %H:%M:%S,%f"),
}
SYSTEMS: tuple[str, ...] = tuple(TIMES)
_LEVELS = {"INFO": "INFO", "WARN": "WARN", "WARNING": "WARN", "ERROR": "ERROR", "FATAL": "FATAL"}
_LEVELS |= {"notice": "INFO", "error": "ERROR"}  # Apache's


def level_of(system: str, row: Row) -> str | None:
    """The row's level, None where the table has none. What it calls the level of Linux's is the host."""
    return _LEVELS[row["Level"]] if "Level" in row and system != "Linux" else None
