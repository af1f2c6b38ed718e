"""Patterns through the real server: the API, its cache and its limits, and `logd patterns`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.access import token
from tests.support.process import Server, until
from tests.support.terminal import on_a_terminal, run

_PATH = "/api/v1/logs/patterns"
_QUICK = {"parse.join_seconds": 0.02}
_RANGE = {"from_": "2024-01-01", "to": "2024-01-03"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("patterns"), settings=_QUICK, roles="processor,api") as running:
        running.ingest("web", [_line(n, f"GET /cart/{n} took {n}ms", "INFO") for n in range(6)])
        running.ingest("pay", [_line(n, f"card {n} declined by the bank", "WARN") for n in range(3)])
        running.ingest("pay", [_line(30, "disk full\n  at x.py line 3", "ERROR")])
        running.settle()
        yield running


def _line(minute: int, message: str, level: str) -> dict[str, str]:
    return {"timestamp": f"2024-01-02T00:{minute:02}:00Z", "message": message, "level": level}


def _get(server: Server, **parameters: Any) -> dict[str, Any]:
    answer = server.get(_PATH, **{**_RANGE, **parameters})
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    counts = sum(one["count"] for one in found["patterns"])
    assert found["total_hits"] == counts + found["other"] + found["not_looked_at"]
    return found


def test_an_answer(server: Server) -> None:
    found = _get(server)
    assert {name: found[name] for name in ("total_hits", "other", "other_patterns", "unmatched", "coarse")} == {
        "total_hits": 10,
        "other": 0,
        "other_patterns": 0,
        "unmatched": 0,
        "coarse": False,
    }
    assert [(one["template"], one["count"], one["share"]) for one in found["patterns"]] == [
        ("GET <*> took <*>", 6, 0.6),
        ("card <*> declined by the bank", 3, 0.3),
        ("disk full", 1, 0.1),
    ]
    last = found["patterns"][2]
    assert (last["first_seen"], last["last_seen"]) == ("2024-01-02T00:30:00.000Z", "2024-01-02T00:30:00.000Z")
    assert last["sample"]["message"] == "disk full\n  at x.py line 3"
    assert server.get(f"/api/v1/logs/{last['sample']['log_id']}").json()["message"] == last["sample"]["message"]
    assert (last["services"], last["other_services"]) == ([{"value": "pay", "count": 1}], 0)
    assert last["levels"] == [{"value": "ERROR", "count": 1}]


def test_filters_limits_and_what_is_new(server: Server) -> None:
    assert [one["count"] for one in _get(server, limit=1)["patterns"]] == [6]
    assert _get(server, limit=1)["other_patterns"] == 2
    assert _get(server, service="pay", level="WARN")["total_hits"] == 3
    assert _get(server, q="disk")["total_hits"] == 1
    new = _get(server, new_since="2024-01-02T00:10:00Z")
    assert [one["template"] for one in new["patterns"]] == ["disk full"]
    assert (new["total_hits"], new["other"], new["other_patterns"]) == (10, 9, 2)
    for name, value in (("new_since", "soon"), ("limit", "0"), ("limit", "501")):
        answer = server.get(_PATH, **{name: value})
        assert (answer.status, answer.json()["error"]["where"]) == (400, name)


def test_the_cache(server: Server) -> None:
    fresh = _get(server, max_age=0)

    def cached() -> bool:
        answer = server.get(_PATH, **_RANGE)
        assert {**answer.json(), "took_ms": 0} == {**fresh, "took_ms": 0}
        return answer.headers.get("cache-status", "").startswith("logd; hit")

    until(cached, "an answer from the cache")
    assert len(_get(server, new_since="2024-01-02T00:10:00Z")["patterns"]) == 1  # is another question


def test_the_command(server: Server) -> None:
    asked = ("patterns", "--from", "2024-01-01", "--to", "2024-01-03")
    done = run(server, *asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == _get(server)["patterns"]
    code, text = on_a_terminal(server, *asked)
    *table, summary = text.splitlines()
    dim = "\x1b[2m<*>\x1b[0m"
    assert code == 0
    assert table == [
        "count   share  level  last seen             template",
        f"    6  60.0 %  INFO   2024-01-02T00:05:00Z  GET {dim} took {dim}",
        f"    3  30.0 %  WARN   2024-01-02T00:02:00Z  card {dim} declined by the bank",
        "    1  10.0 %  ERROR  2024-01-02T00:30:00Z  disk full",
    ]
    assert summary.startswith("3 patterns of 10 hits in ")
    code, text = on_a_terminal(server, *asked, "--new-since", "2024-01-02T00:10:00Z", "--limit", "5")
    assert "first seen " in text
    assert text.splitlines()[-1].endswith("; 9 hits have 2 other patterns")
    assert on_a_terminal(server, *asked, "nothing")[1].startswith("0 patterns of 0 hits in ")
    assert json.loads(on_a_terminal(server, *asked, "--json", "--limit", "1")[1])["count"] == 6
    wrong = run(server, *asked, "disk AND")
    assert (wrong.returncode, wrong.stderr.splitlines()[1:]) == (1, ["  disk AND", "       ^"])


def test_a_token_for_one_service(server: Server) -> None:
    """Last: from the first token on, everyone needs one."""
    limited = token(server.data_dir, "search", "--service", "pay")
    until(lambda: server.get(_PATH).status == 401, "the server has noticed")
    answer = server.request("GET", f"{_PATH}?from=2024-01-01&to=2024-01-03", headers=limited.header).json()
    assert {value["value"] for one in answer["patterns"] for value in one["services"]} == {"pay"}
    assert answer["total_hits"] == 4
