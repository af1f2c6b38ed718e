"""`logd saved` and `logd search --saved`, in a pipe and on a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import Server
from tests.support.saved import ask, keep
from tests.support.terminal import on_a_terminal, run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("saved"), roles="processor,api") as server:
        for service in ("cart", "pay"):
            lines = [
                {"message": f"{service} timeout {n}", "level": level, "user": n}
                for n, level in enumerate(("INFO", "ERROR"))
            ]
            server.ingest(service, lines)
        server.settle()
        yield server


def _printed(server: Server, *arguments: str) -> list[dict[str, Any]]:
    done = run(server, *arguments)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_from_its_making_to_its_end(server: Server) -> None:
    assert run(server, "saved", "list").stdout == ""
    assert on_a_terminal(server, "saved", "list") == (0, "no saved searches\n")
    saved = (
        "saved",
        "save",
        "--name",
        "time outs/ü",
        "timeout",
        "--level",
        "error, fatal",
        "--level",
        "warn",
        "--from",
        "-1h",
    )
    done = run(server, *saved, "--limit", "7", "--sort", "oldest")
    assert re.fullmatch(r"saved 'time outs/ü' \([0-9a-f]{12}, version 1\)\n", done.stdout), done
    (listed,) = _printed(server, "saved", "list")
    assert listed["search"] == {
        "q": "timeout", "level": ["error", "fatal", "warn"], "from": "-1h", "sort": "oldest", "limit": 7
    }  # fmt: skip
    assert (
        _printed(server, "saved", "show", "time outs/ü") == [listed] == _printed(server, "saved", "show", listed["id"])
    )
    code, text = on_a_terminal(server, "saved", "list")
    assert code == 0
    head, line = text.splitlines()
    assert head.split() == ["name", "changed", "by", "search"]
    assert line.startswith(f"time outs/ü  {listed['updated']}  -   timeout  level=error,fatal,warn  from=-1h  ")
    code, text = on_a_terminal(server, "saved", "show", "time outs/ü")
    assert code == 0
    assert re.search(r"^search\.q +timeout$", text, re.MULTILINE)
    assert re.search(r"^search\.limit +7$", text, re.MULTILINE)

    again = run(server, *saved)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "logd: there is a saved search 'time outs/ü' already\n"
    replaced = run(server, *saved, "--replace", "--description", "slow things")
    assert replaced.stdout == f"saved 'time outs/ü' ({listed['id']}, version 2)\n"
    assert run(server, "saved", "save", "--name", "time outs/ü", "--replace").returncode == 0
    (now,) = _printed(server, "saved", "list")
    assert (now["version"], now["search"], now["description"]) == (3, {}, "slow things")
    assert _printed(server, "saved", "delete", "time outs/ü") == [now]
    for command in ("show", "delete"):
        gone = run(server, "saved", command, "time outs/ü")
        assert (gone.returncode, gone.stderr) == (1, "logd: there is no saved search 'time outs/ü'\n")
    assert run(server, "saved", "save", "--name", "new", "--replace").stdout.endswith("version 1)\n")
    assert ask(server, "DELETE", "new").status == 200


def test_running_one(server: Server) -> None:
    keep(server, "errors", q="timeout", level="ERROR", from_="-1h", fields=["service", "metadata.user"])
    found = _printed(server, "search", "--saved", "errors")
    assert [hit["service"] for hit in found] == ["pay", "cart"]
    assert {*found[0]} == {"service", "metadata"}
    assert _printed(server, "search", "--saved", "errors", "--all") == found
    assert _printed(server, "search", "--saved", "errors", "--limit", "20000") == found
    assert _printed(server, "search", "--saved", "errors", "--limit", "1") == found[:1]
    assert _printed(server, "search", "--saved", "errors", "--service", "cart") == found[1:]
    assert _printed(server, "search", "--saved", "errors", "cart") == found[1:]
    assert _printed(server, "search", "--saved", "errors", "--to", "-30m") == []
    (only,) = _printed(
        server, "search", "--saved", "errors", "--level", "INFO", "--service", "pay", "--fields", "message"
    )
    assert only == {"message": "pay timeout 0"}
    code, text = on_a_terminal(server, "search", "--saved", "errors")
    assert code == 0
    head, *rows, summary = text.splitlines()
    assert head == "\x1b[1mservice  metadata.user\x1b[0m"
    assert [row.split() for row in rows] == [["pay", "1"], ["cart", "1"]]
    assert summary.startswith("2 of 2 hits in ")
    keep(server, "whole", q="timeout")
    code, text = on_a_terminal(server, "search", "--saved", "whole")
    assert text.count("\x1b[1;31mtimeout\x1b[0m") == 4  # what was saved is highlighted, too
    for name in ("whole", "errors"):
        assert ask(server, "DELETE", name).status == 200
    gone = run(server, "search", "--saved", "errors")
    assert (gone.returncode, gone.stdout, gone.stderr) == (1, "", "logd: there is no saved search 'errors'\n")


def test_exporting_one(server: Server, tmp_path: Path) -> None:
    keep(server, "exported", q="timeout", level="ERROR", fields=["message"], highlight=True, limit=1, sort="oldest")
    found = _printed(server, "search", "timeout", "--level", "ERROR", "--sort", "oldest")
    assert len(found) == 2
    assert _printed(server, "export", "--saved", "exported") == found
    assert _printed(server, "export", "--saved", "exported", "--sort", "newest") == found[::-1]
    assert _printed(server, "export", "--saved", "exported", "--service", "pay") == found[1:]
    for name in ("a.ndjson", "a.csv", "a.parquet"):
        done = run(server, "export", "--saved", "exported", "-o", str(tmp_path / name))
        assert (done.returncode, done.stdout) == (0, ""), done
    assert [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()] == found
    gone = run(server, "export", "--saved", "nothing")
    assert (gone.returncode, gone.stderr) == (1, "logd: there is no saved search 'nothing'\n")
    assert ask(server, "DELETE", "exported").status == 200


def test_what_is_refused(server: Server) -> None:
    done = run(server, "saved", "save", "--name", "wrong", "a AND (")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[1:] == ["  a AND (", "        ^"]
    for arguments, sentence in (
        (["--name", "0123456789ab"], "name is '0123456789ab', expected printable characters, and not what looks like"),
        (["--name", "wrong", "--limit", "10001"], "limit is '10001', expected a whole number from 0 to 10000"),
        (["--name", "wrong", "--from", "soon"], "from is 'soon', expected an ISO 8601 time"),
    ):
        done = run(server, "saved", "save", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert sentence in done.stderr
    assert run(server, "saved", "list").stdout == ""


def test_controls(tmp_path: Path) -> None:
    """Nothing is printed that a terminal would obey."""
    with Server(tmp_path, roles="processor,api") as server:
        body = {"name": "a", "description": "\x1b[31mred", "search": {"q": '"\x1b[31m"'}}
        assert ask(server, "POST", body=body).status == 201
        for command in (["list"], ["show", "a"], ["delete", "a"]):
            code, text = on_a_terminal(server, "saved", *command)
            assert (code, "\x1b" in text, "\\u001b[31m" in text) == (0, False, True)


def test_a_value_with_a_comma_stays_one(server: Server) -> None:
    done = run(server, "saved", "save", "--name", "abroad", "--service", r"shop\,eu, cart", "--service", "pay")
    assert done.returncode == 0, done
    assert _printed(server, "saved", "show", "abroad")[0]["search"]["service"] == [r"shop\,eu", "cart", "pay"]
