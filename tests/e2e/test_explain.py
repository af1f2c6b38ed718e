"""What a search would look at, over HTTP and by `logd query explain`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.access import token
from tests.support.process import SEARCH, Server, until

_EXPLAIN = "/api/v1/logs/explain"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A segment of that day, one of today, and rows in memory."""
    with Server(tmp_path_factory.mktemp("explain"), roles="processor,api") as running:
        assert running.ingest("a", [{"timestamp": "2026-11-20T10:00:00Z", "message": "old"}]) == 1
        running.settle()
        assert running.terminate() == 0
        running.restart()
        assert running.ingest("a", [{"timestamp": "2026-11-21T10:00:00Z", "message": "new"}]) == 1
        running.settle()
        yield running


def test_the_tree_and_the_plan(server: Server) -> None:
    answer = server.get(_EXPLAIN, q="old AND NOT level:debug", to="2026-11-21", service="a", fields="message")
    assert answer.status == 200, answer.body
    found = answer.json()
    tree = ["message has the word 'old'", "not", "  level is 'debug'"]
    assert found["tree"] == ["all of", "  all of", *(f"    {line}" for line in tree), "  service is 'a'"]
    assert found["query"]["type"] == "And"
    assert found["default_operator"] == "or"
    assert server.get(_EXPLAIN, q="a b", default_operator="AND").json()["default_operator"] == "and"
    plan = found["plan"]
    assert plan["engine"] == "segments"
    assert plan["segments"] == {"all": 2, "out_of_time": 1, "ruled_out": 0, "read": 1}
    assert (plan["rows"]["to_read"], plan["rows"]["in_memory"]) == (1, 0)
    assert plan["shows"] == ["log_id", "timestamp", "message"]
    assert server.get(_EXPLAIN, q="(").json()["error"]["where"] == "q:1"


def test_on_the_command_line(server: Server) -> None:
    command = [sys.executable, "-m", "logd", "query", "explain", "old", "--to", "2026-11-21", "--url"]
    command += [f"http://127.0.0.1:{server.port}"]
    piped = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(piped.stdout)["tree"] == ["message has the word 'old'"]
    here, there = pty.openpty()
    try:
        subprocess.run(command, stdout=there, timeout=120, check=True)
        shown = os.read(here, 65_536).decode().replace("\r\n", "\n")
    finally:
        os.close(here)
        os.close(there)
    assert shown.startswith(
        "query\n  message has the word 'old'\n\nplan on segments\n  times   the first to 2026-11-21T"
    )
    assert "  segments  1 of 2; 1 of other times\n" in shown
    assert ", of these 0 in memory; fewer when the first hits are enough\n" in shown
    assert "date=2026-11-20/" in shown


def test_a_token_sees_the_limits_that_it_has(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor,api") as running:
        made = token(running.data_dir, "search", "--service", "mine")
        until(lambda: running.get(SEARCH).status == 401, "the server has noticed")
        answer = running.request("GET", f"{_EXPLAIN}?q=x", None, made.header)
        assert answer.json()["tree"] == ["all of", "  message has the word 'x'", "  service is 'mine'"]
