"""A record among its neighbours, over HTTP and by `logd context`: of a file that is followed, of the endpoint, of a
token's services."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.access import token
from tests.support.process import SEARCH, Server, until

_START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
_LINES = 40


def _line(number: int) -> str:
    """Line 20 is of the day before."""
    moment = _START + timedelta(seconds=number) - timedelta(days=number == 20)
    return f'{{"timestamp":"{moment.isoformat()}","message":"line number{number}","even":{number % 2 == 0}}}'.replace(
        "True", "true"
    ).replace("False", "false")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It follows a file of 40 lines, and has some records of the endpoint."""
    folder = tmp_path_factory.mktemp("context")
    file = folder / "app.log"
    file.write_text("".join(_line(number) + "\n" for number in range(_LINES)))
    with Server(folder, files=[file]) as running:
        sent = [{"timestamp": (_START + timedelta(seconds=n)).isoformat(), "message": f"sent{n}"} for n in range(9)]
        for record in sent:
            assert running.ingest("web", [record]) == 1
        assert running.ingest("other", [{"message": "own", "log_id": "mine"}, sent[0]]) == 2
        until(lambda: running.search(q="line", limit=0)["total_hits"] == _LINES, "the file")
        running.settle()
        yield running


def _id(server: Server, query: str) -> str:
    (found,) = server.search(q=query)["logs"]
    return str(found["log_id"])


def _context(server: Server, log_id: str, **parameters: Any) -> dict[str, Any]:
    answer = server.get(f"/api/v1/logs/{log_id}/context", **parameters)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def _numbers(answer: dict[str, Any]) -> list[str]:
    shown = [*answer["before"], answer["log"], *answer["after"]]
    return [record["message"].removeprefix("line number") for record in shown]


def test_in_a_file_by_position(server: Server) -> None:
    answer = _context(server, _id(server, "number19"))
    assert answer["order"] == "position"
    assert _numbers(answer) == [str(number) for number in range(14, 25)]
    assert _numbers(_context(server, _id(server, "number20"), before=1, after=2)) == ["19", "20", "21", "22"]
    assert _numbers(_context(server, _id(server, "number39"), before=2)) == ["37", "38", "39"]
    assert _numbers(_context(server, _id(server, "number0"), before=1_000, after=0)) == ["0"]


@pytest.mark.parametrize("at", ["2026-11-20T12:00:19.000Z", "2026-11-20T12:00:19.001Z", "2020-01-01", "now"])
def test_its_time_is_no_more_than_a_hint(server: Server, at: str) -> None:
    answer = _context(server, _id(server, "number19"), at=at, before=1, after=1)
    assert _numbers(answer) == ["18", "19", "20"]


def test_only_what_matches(server: Server) -> None:
    answer = _context(server, _id(server, "number19"), q="even:true", before=2, after=2)
    assert _numbers(answer) == ["16", "18", "19", "20", "22"]
    times = {"from": "2026-11-20T12:00:10Z", "to": "2026-11-20T12:00:22Z"}
    answer = _context(server, _id(server, "number19"), before=99, after=99, **times)
    assert _numbers(answer) == [str(number) for number in range(10, 22) if number != 20]


def test_by_time(server: Server) -> None:
    answer = _context(server, _id(server, "number19"), order="time", before=2, after=2)
    assert (answer["order"], _numbers(answer)) == ("time", ["17", "18", "19", "21", "22"])


def test_what_has_no_position(server: Server) -> None:
    answer = _context(server, _id(server, "sent4"), before=2, after=3)
    assert (answer["order"], _numbers(answer)) == ("time", ["sent2", "sent3", "sent4", "sent5", "sent6", "sent7"])
    answer = _context(server, "mine")
    assert (answer["order"], _numbers(answer)) == ("time", ["sent0", "own"])
    refused = server.get("/api/v1/logs/mine/context", order="position")
    assert (refused.status, refused.json()["error"]["where"]) == (400, "order")


def test_refused(server: Server) -> None:
    log_id = _id(server, "number19")
    assert server.get("/api/v1/logs/nothing/context").status == 404
    assert server.get(f"/api/v1/logs/{log_id}/context", to="2026-11-20T12:00:19Z").status == 404
    for parameters, where in (
        ({"before": 1_001}, "before"),
        ({"after": -1}, "after"),
        ({"order": "x"}, "order"),
        ({"q": "("}, "q:1"),
        ({"at": "x"}, "at"),
        ({"limit": 1}, "limit"),
    ):
        answer = server.get(f"/api/v1/logs/{log_id}/context", **parameters)
        assert (answer.status, answer.json()["error"]["where"]) == (400, where)


def test_on_the_command_line(server: Server) -> None:
    log_id = _id(server, "number19")
    command = [sys.executable, "-m", "logd", "context", log_id, "-C", "3", "-A", "1", "--query", "line"]
    command += ["--url", f"http://127.0.0.1:{server.port}"]
    environment = {**os.environ, "NO_COLOR": "1"}
    piped = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [text.count("line number") for text in piped.stdout.splitlines()] == [1] * 5
    here, there = pty.openpty()
    try:
        child = subprocess.run(
            command, stdout=there, stderr=subprocess.PIPE, env=environment, text=True, timeout=120, check=True
        )
        shown = os.read(here, 65_536).decode().splitlines()
    finally:
        os.close(here)
        os.close(there)
    assert [line[0] for line in shown] == ["-", "-", "-", ":", "-"]
    assert [line.split()[-1] for line in shown] == [f"number{number}" for number in range(16, 21)]
    assert child.stderr == "3 before and 1 after it, by position in the file\n"


def test_a_token_of_some_services(tmp_path: Path) -> None:
    """What is of others is neither found nor shown."""
    file = tmp_path / "app.log"
    file.write_text("".join(f'{{"message":"m{n}","service":"{"ab"[n % 2]}"}}\n' for n in range(8)))
    with Server(tmp_path, files=[file]) as running:
        until(lambda: running.search(limit=0)["total_hits"] == 8, "the file")
        ids = {record["message"]: record["log_id"] for record in running.search(limit=8)["logs"]}
        made = token(running.data_dir, "search", "--service", "a")
        until(lambda: running.get(SEARCH).status == 401, "the server has noticed")
        answer = running.request("GET", f"/api/v1/logs/{ids['m4']}/context", None, made.header)
        assert _numbers(answer.json()) == ["m0", "m2", "m4", "m6"]
        assert running.request("GET", f"/api/v1/logs/{ids['m3']}/context", None, made.header).status == 404
