"""`logd import` and `logd export` over a real server: what goes in comes out, once, whatever happens in between."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.support.commands import Done
from tests.support.process import PATIENCE_SECONDS, Server, environment_of_a_process, ndjson, until

_SETTINGS = {"index.flush_rows": 2_000, "index.flush_seconds": 1, "parse.join_seconds": 0.01}


class Command:
    """`logd …` asking the server, with a state of its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def begun(self, *arguments: object, stdin: bytes | None = None, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "logd", *map(str, arguments)],
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**self.environment(), **environment},
        )

    def environment(self) -> Mapping[str, str]:
        address = {"LOGD_URL": f"http://127.0.0.1:{self.server.port}", "XDG_STATE_HOME": str(self.folder / "state")}
        return {**environment_of_a_process(), "HOME": str(self.folder), **address}

    def __call__(self, *arguments: object, stdin: bytes | None = None) -> Done:
        with self.begun(*arguments, stdin=stdin) as child:
            out, error = child.communicate(stdin, timeout=PATIENCE_SECONDS)
        return Done(child.returncode, out.decode(), error.decode())

    def count(self, service: str, lines: int) -> list[dict[str, Any]]:
        """The records of a service, once there are so many; there are no more."""
        until(
            lambda: self.server.search(service=service, limit=0, track_total_hits="true")["total_hits"] >= lines, "all"
        )
        records = self.server.records(service)
        assert len(records) == lines
        return records


@pytest.fixture
def logd(tmp_path: Path) -> Any:
    with Server(tmp_path / "server", settings=_SETTINGS) as server:
        yield Command(server, tmp_path)
        server.check_ledger()


def record(number: int, **more: Any) -> dict[str, Any]:
    metadata = {"n": number, "text": 'ü " \\ \n \x01', "list": [1, {"a": None}], "big": 12345678901234567}
    at = f"2026-01-{1 + number % 28:02d}T00:00:{number % 60:02d}.{number:06d}Z"
    return {
        "timestamp": at,
        "level": "INFO",
        "message": f'message {number}\n\tof "two" lines, ü',
        "metadata": metadata,
        **more,
    }


def test_what_goes_in_comes_out(logd: Command) -> None:
    records = [record(number, trace_id=f"{number:032x}") for number in range(3_500)]
    (logd.folder / "in.ndjson").write_bytes(ndjson(records))
    done = logd("import", "in.ndjson", "--service", "s", "--host", "h")
    assert (done.code, done.out, done.error) == (0, "", "in.ndjson: 3,500 lines\n")
    found = logd.count("s", 3_500)
    assert {one["host"] for one in found} == {"h"}
    assert logd("export", "--service", "s", "-o", "out.ndjson").code == 0
    exported = [orjson.loads(line) for line in (logd.folder / "out.ndjson").read_bytes().splitlines()]
    times = [_unix(one["timestamp"]) for one in exported]
    assert times == sorted(times, reverse=True)
    expected = {one["message"]: {**one["metadata"], "trace_id": one["trace_id"]} for one in records}
    assert {one["message"]: one["metadata"] for one in exported} == expected
    assert sorted(exported, key=lambda one: str(one["log_id"])) == found
    assert not list(logd.folder.glob("*.part*"))
    assert logd("export", "--service", "s", "--sort", "oldest", "-o", "oldest.ndjson").code == 0
    oldest = [orjson.loads(line)["timestamp"] for line in (logd.folder / "oldest.ndjson").read_bytes().splitlines()]
    assert oldest == [one["timestamp"] for one in reversed(exported)]


def test_every_format_says_the_same(logd: Command) -> None:
    logd.server.ingest("s", [record(number) for number in range(50)])
    logd.count("s", 50)
    for name in ("a.ndjson", "a.ndjson.gz", "a.ndjson.zst", "a.csv", "a.csv.gz", "a.parquet"):
        done = logd("export", "--service", "s", "-o", name)
        assert (done.code, done.error) == (0, f"{name}: 50 lines\n")
    plain = (logd.folder / "a.ndjson").read_bytes()
    assert gzip.decompress((logd.folder / "a.ndjson.gz").read_bytes()) == plain
    unpacked = zstandard.ZstdDecompressor().stream_reader((logd.folder / "a.ndjson.zst").read_bytes()).read()
    assert unpacked == plain
    assert logd("export", "--service", "s").out.encode() == plain
    records = [orjson.loads(line) for line in plain.splitlines()]
    text = (logd.folder / "a.csv").read_bytes().decode()
    assert gzip.decompress((logd.folder / "a.csv.gz").read_bytes()).decode() == text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [{**row, "metadata": json.loads(row["metadata"])} for row in rows] == [
        {**{name: value or "" for name, value in one.items()}, "metadata": one["metadata"], "tags": ""}
        for one in records
    ]
    table = pq.read_table(logd.folder / "a.parquet").to_pylist()
    assert [row["log_id"] for row in table] == [one["log_id"] for one in records]
    assert [json.loads(row["metadata"]) for row in table] == [one["metadata"] for one in records]
    assert [row["timestamp"].timestamp() for row in table][:1] == [
        pytest.approx(_unix(records[0]["timestamp"]), abs=1e-6)
    ]


def test_the_same_content_is_stored_once(logd: Command) -> None:
    text = b"".join(b"Jan %d 10:00:00 host app: line %d\n" % (1 + n % 28, n) for n in range(5_000))
    (logd.folder / "a.log").write_bytes(text)
    (logd.folder / "b.log.gz").write_bytes(gzip.compress(text))
    (logd.folder / "c.log.zst").write_bytes(zstandard.compress(text))
    assert logd("import", "a.log", "--service", "s").error == "a.log: 5,000 lines\n"
    again = logd("import", "a.log", "b.log.gz", "c.log.zst", "--service", "s")
    had = "5,000 lines, of which the server had 5,000\n"
    before = "a.log: all 5,000 lines were imported before; --again sends them again\n"
    assert (again.code, again.error) == (0, f"{before}b.log.gz: {had}c.log.zst: {had}")
    assert logd("import", "--again", "a.log", "--service", "s").error == f"a.log: {had}"
    assert logd("import", "-", "--service", "s", stdin=text).error == f"-: {had}"
    logd.count("s", 5_000)


def test_times_without_a_year_are_of_when_the_file_was_written(logd: Command) -> None:
    path = logd.folder / "old.log"
    path.write_text("Dec 30 10:00:00 host app: a line\nno time\n")
    os.utime(path, (1_704_000_000, 1_704_000_000))  # 2023-12-31
    assert logd("import", path).code == 0
    first, second = logd.count("old", 2)
    assert first["timestamp"] == "2023-12-30T10:00:00.000Z"
    assert second["timestamp"] == "2023-12-31T05:20:00.000Z"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_import_that_is_interrupted_goes_on(logd: Command, end: signal.Signals) -> None:
    count, width = 60_000, 1_000
    text = b"".join(b"%06d " % n + b"x" * width + b"\n" for n in range(count))
    (logd.folder / "a.log").write_bytes(text)
    with logd.begun("import", "a.log", "--service", "s") as child:
        until(lambda: list((logd.folder / "state").rglob("*.json")), "something was sent")
        child.send_signal(end)
        child.communicate(timeout=PATIENCE_SECONDS)
    assert child.returncode == (130 if end is signal.SIGINT else -end)
    done = logd("import", "a.log", "--service", "s")
    assert done.code == 0
    assert " lines, after " in done.error
    until(lambda: logd.server.search(service="s", limit=0, track_total_hits="true")["total_hits"] >= count, "all")
    logd.server.settle()
    assert logd.server.search(service="s", limit=0, track_total_hits="true")["total_hits"] == count


def test_a_server_that_goes_away_is_waited_for(logd: Command) -> None:
    text = b"".join(b"%06d " % n + b"x" * 1_000 + b"\n" for n in range(60_000))
    (logd.folder / "a.log").write_bytes(text)
    logd.server.settings["api.listen"] = f"127.0.0.1:{logd.server.port}"
    with logd.begun("import", "a.log", "--service", "s") as child:
        until(lambda: list((logd.folder / "state").rglob("*.json")), "something was sent")
        logd.server.kill()
        logd.server.restart()
        _, error = child.communicate(timeout=PATIENCE_SECONDS)
    assert child.returncode == 0, error
    until(lambda: logd.server.search(service="s", limit=0, track_total_hits="true")["total_hits"] >= 60_000, "all")
    logd.server.settle()
    assert logd.server.search(service="s", limit=0, track_total_hits="true")["total_hits"] == 60_000


def test_what_comes_before_damage_is_imported(logd: Command) -> None:
    lines = b"".join(b"%d %s\n" % (n, os.urandom(50).hex().encode()) for n in range(20_000))
    (logd.folder / "bad.log.gz").write_bytes(gzip.compress(lines)[:-100_000])
    (logd.folder / "good.log").write_bytes(b"good\n")
    done = logd("import", "bad.log.gz", "none.log", "good.log", "--service", "s")
    assert done.code == 1
    bad, none, good = done.error.splitlines()
    assert bad.startswith("logd: bad.log.gz can't be read beyond byte ")
    assert "its gzip stream is damaged: it ends in the middle; " in bad
    assert none == "logd: can't read none.log: no such file or directory"
    assert good == "good.log: 1 lines"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (
            ["import", "a.log", "--url", "http://127.0.0.1:9"],
            3,
            "logd: can't reach http://127.0.0.1:9: connection refused",
        ),
        (["import", "a.log", "--url", "nowhere"], 2, "logd: the address 'nowhere' is wrong"),
        (["import", "a.log", "--max-line-bytes", "5"], 2, "logd: --max-line-bytes is 5, expected 1024 to 67108864"),
        (["export", "--format", "parquet"], 2, "logd: --format parquet needs a file: -o FILE"),
        (["export", "--resume"], 2, "logd: --resume can't go on with standard output"),
        (["export", "-o", "x.ndjson", "--resume"], 2, "logd: there is nothing to go on with: x.ndjson.part.json and "),
        (["export", "-o", "/none/x.ndjson"], 1, "logd: can't write /none/x.ndjson.part: no such file or directory"),
        (["export", "a AND"], 1, "logd: "),
        (["export", "--from", "yesterday"], 1, "logd: from is 'yesterday', expected "),
        (["export", "--url", "http://127.0.0.1:9"], 3, "logd: can't reach http://127.0.0.1:9: connection refused"),
    ],
)
def test_what_is_refused(logd: Command, arguments: list[str], code: int, error: str) -> None:
    (logd.folder / "a.log").write_bytes(b"line\n")
    done = logd(*arguments)
    assert (done.code, done.out) == (code, "")
    assert done.error.startswith(error)
    assert done.error.count("\n") == 1


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
