"""kill -9 at random moments under load, then a restart: every accepted line, and every line of a followed file, is
found exactly once.

Three clients send over HTTP and remember what was accepted; what got no answer they send again. A fourth writer appends
to a log file, which it rotates.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import orjson
import pytest
import zstandard

from tests.support.load import PAUSE_SECONDS, SETTINGS, found_once, time_of, write_file, writers
from tests.support.process import JSON, NDJSON, PATIENCE_SECONDS, Server, ndjson, until

_MAX_REQUEST_LINES = 100
#: A process lives for so long at most, after it listens, or after it was launched.
_LIFE_SECONDS = 1.0


class _Load:
    """The server, and what all writers need to know: whether it is up, and when to end."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.seed = seed
        self.up = threading.Event()
        self.stop = threading.Event()
        self.resent = 0
        self.in_flush = 0

    def accepted(self, body: bytes, headers: Mapping[str, str], service: str) -> None:
        """Sends the request until it is accepted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert self.up.wait(PATIENCE_SECONDS), "the server came up no more"
            try:
                answer = self.server.post(body, headers, service)
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline, f"no answer within {PATIENCE_SECONDS:g} s"
                self.resent += 1
                continue
            if answer.status == 202:
                return
            # A request that arrives while the server stops may be refused, and is sent again.
            assert answer.status in (429, 503), answer

    def send_with_keys(self, day: int) -> int:
        """Requests with an Idempotency-Key; gives how many lines were accepted. Some are sent twice though they were
        accepted, and in another form."""
        service, chance = f"keys-{day}", random.Random(f"{self.seed} {day}")
        sent = requests = 0
        while not self.stop.wait(chance.random() * PAUSE_SECONDS):
            count = chance.randint(1, _MAX_REQUEST_LINES)
            records = [_record(service, day, sent + n) for n in range(count)]
            for _ in range(2 if chance.random() < 0.2 else 1):
                body, headers = _form(records, chance)
                self.accepted(body, {**headers, "Idempotency-Key": f"request {requests}"}, service)
            sent += count
            requests += 1
        return sent

    def send_with_ids(self, day: int) -> int:
        """Lines with a log_id of their own, without a key."""
        service, chance = f"ids-{day}", random.Random(f"{self.seed} {day}")
        sent = 0
        while not self.stop.wait(chance.random() * PAUSE_SECONDS):
            count = chance.randint(1, _MAX_REQUEST_LINES)
            records = [{"log_id": f"own-{sent + n}", **_record(service, day, sent + n)} for n in range(count)]
            for _ in range(2 if chance.random() < 0.2 else 1):
                self.accepted(*_form(records, chance), service)
            sent += count
        return sent

    def end(self) -> None:
        """Tells the writers to end."""
        self.stop.set()
        self.up.set()


def _record(service: str, day: int, n: int) -> dict[str, object]:
    return {"timestamp": time_of(day, n), "message": f"{service} {n}", "n": n}


def _form(records: Sequence[Mapping[str, object]], chance: random.Random) -> tuple[bytes, dict[str, str]]:
    if chance.random() < 0.5:
        body, headers = ndjson(records), dict(NDJSON)
    else:
        body, headers = orjson.dumps({"logs": records}), dict(JSON)
    match chance.randrange(3):
        case 0:
            return gzip.compress(body, 1), {**headers, "Content-Encoding": "gzip"}
        case 1:
            return zstandard.compress(body), {**headers, "Content-Encoding": "zstd"}
    return body, headers


def _orphans(data_dir: Path) -> int:
    """Segment files that the manifest doesn't name: what was being flushed when the process was killed."""
    index = data_dir / "index"
    if not (index / "manifest.db").exists():
        return 0
    with closing(sqlite3.connect(f"file:{index}/manifest.db?mode=ro", uri=True)) as manifest:
        tables = manifest.execute("SELECT count(*) FROM sqlite_master WHERE name = 'segments'").fetchone()[0]
        named = {file for (file,) in manifest.execute("SELECT file FROM segments")} if tables else set()
    return sum(str(file.relative_to(index)) not in named for file in index.rglob("policy=*/*/*") if file.is_file())


def _kill_at_random(load: _Load, kills: int) -> None:
    """So many lives, one after the other; then it is up for good."""
    server, chance = load.server, random.Random(load.seed)
    for number in range(kills):
        if number:
            server.launch()
        if chance.random() < 0.8:
            server.wait_listening()
            load.up.set()
        try:
            ended = server.wait(chance.random() * _LIFE_SECONDS)
        except subprocess.TimeoutExpired:
            load.up.clear()
            server.kill()
            load.in_flush += _orphans(server.data_dir) > 0
            if server.port:  # else it may not have had the time to make its files
                server.check_ledger()
        else:
            raise AssertionError(f"it ended by itself, with code {ended}")
    server.start()
    load.up.set()


@pytest.mark.timeout(3_600)
def test_killed_at_random_moments_under_load(tmp_path: Path, long: bool) -> None:
    kills = 100 if long else 20
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    logs = tmp_path / "logs"
    logs.mkdir()
    files = [{"paths": [f"{logs}/app.log*"], "service": "file"}]
    with Server(tmp_path / "server", settings={**SETTINGS, "agent.files": json.dumps(files)}) as server:
        load = _Load(server, seed)
        jobs: dict[str, Callable[[], int]] = {
            "keys-0": lambda: load.send_with_keys(0),
            "keys-1": lambda: load.send_with_keys(1),
            "ids-0": lambda: load.send_with_ids(0),
            "file": lambda: write_file(logs / "app.log", "file", 2, random.Random(f"{seed} file"), load.stop),
        }
        with writers(jobs, load.end) as running:
            _kill_at_random(load, kills)
        counts = {name: job.result() for name, job in running.items()}
        print(f"{kills} kills, {load.in_flush} within a flush, {load.resent} requests sent again, lines {counts}")
        assert min(counts.values()) > 0
        assert load.resent > 0

        def everything_isfound_once() -> None:
            server.settle()
            for name, count in counts.items():
                found_once(server, name, 2 if name == "file" else int(name[-1]), name, count)

        last = f"file {counts['file'] - 1}"
        until(lambda: server.search(service="file", q=f'"{last}"')["logs"], "the file's last line is found")
        everything_isfound_once()
        assert "dead-letters" not in server.get("/api/v1/status").json()["transport"]
        assert server.terminate() == 0
        server.restart()
        everything_isfound_once()


def test_killed_right_after_the_answer(tmp_path: Path) -> None:
    """202 says that it is durable."""
    with Server(tmp_path) as server:
        for n in range(3):
            lines = [{"message": f"{n} {m}"} for m in range(3_000)]
            assert server.ingest("durable", lines) == 3_000
            server.kill()
            server.restart()
            server.settle()
            answer = server.search(service="durable", limit=10_000, track_total_hits="true")
            assert answer["total_hits"] == 3_000 * (n + 1)
            assert len({record["message"] for record in answer["logs"]}) == len(answer["logs"])
