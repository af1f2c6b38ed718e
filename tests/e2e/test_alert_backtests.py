"""When rules would have fired, through the real server: by the API, and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.access import token
from tests.support.alerts import RULES, ask, make_rule
from tests.support.process import INGEST, NDJSON, Answer, Server, ndjson, until
from tests.support.terminal import on_a_terminal, run

_TEST = f"{RULES}/test"
#: 2024-10-04T00:00:00Z.
_START = 1_728_000_000
_DAY = {"from": "2024-10-04", "to": "2024-10-05"}
_ERRORS = {"service": "pay", "level": "ERROR", "threshold": 5, "window_seconds": 60}


def _line(second: float, message: str = "declined", **others: Any) -> dict[str, Any]:
    return {"timestamp": _START + second, "level": "ERROR", "message": message, **others}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a day of lines: at 10:00:00 ten errors of one host and three of another, and one line a minute."""
    folder = tmp_path_factory.mktemp("backtests")
    with Server(folder, roles="processor,api", settings={"search.scan_lines": 1_000_000}) as server:
        errors = [_line(36_000 + n, f"declined {n}", host="a", ms=n) for n in range(10)]
        errors += [_line(36_000 + n, "declined", host="b") for n in range(3)]
        server.ingest("pay", errors)
        server.ingest("web", [_line(60 * n, "fine", level="INFO") for n in range(1_440)])
        server.settle()
        yield server


def _tested(server: Server, **asked: Any) -> dict[str, Any]:
    answer = ask(server, "POST", _TEST, {**_DAY, **asked})
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


def test_a_rule_that_is_sent(server: Server) -> None:
    found = _tested(server, rule={"condition": _ERRORS, "group_by": ["host"]})
    (firing,) = found["firings"]
    assert (firing["group"], firing["value"], firing["peak"]) == ({"host": "a"}, 6, 10)
    assert (firing["fired"], firing["resolved"]) == ("2024-10-04T10:00:06.000Z", "2024-10-04T10:01:06.000Z")
    assert [line["message"] for line in firing["samples"]] == [f"declined {n}" for n in range(1, 6)]
    # No more than what it is about.
    assert (found["lines"], found["fired"], found["rule_id"], found["stopped"]) == (13, 1, None, False)
    assert (found["upto"], found["warnings"], found["partial"]) == ("2024-10-05T00:00:00.000Z", [], False)
    first, second = found["series"]
    assert (first["group"], second["group"]) == ({"host": "a"}, {"host": "b"})
    assert len(found["times"]) == len(first["values"]) == 497
    assert max(value for value in first["values"] if value is not None) == 10


def test_one_that_there_is(server: Server) -> None:
    hook = {"type": "webhook", "url": "https://h.example/hush"}
    made = make_rule(server, name="pay", condition=_ERRORS, action=hook, enabled=False)
    found = [_tested(server, rule_id=key) for key in (made["rule_id"], "pay")]
    assert [(one["fired"], one["rule_id"], one["name"]) for one in found] == [(1, made["rule_id"], "pay")] * 2
    # What GET gave, changed, is tested as it stands.
    assert _tested(server, rule={**made, "condition": {**_ERRORS, "threshold": 20}})["fired"] == 0


def test_a_name_is_no_path(server: Server) -> None:
    made = make_rule(server, name="test", condition=_ERRORS)
    assert ask(server, "GET", _TEST).json() == made
    assert ask(server, "DELETE", _TEST).status == 200


@pytest.mark.parametrize(
    ("rule", "fired"),
    [
        ({"condition": {"service": "web", "aggregation": "absence", "window_seconds": 300}}, 0),
        ({"condition": {"service": "pay", "aggregation": "absence", "window_seconds": 300}}, 1),
        ({"condition": {"aggregation": "max", "field": "ms", "threshold": 8, "window_seconds": 60}}, 1),
        ({"condition": {"query": "declined OR fine", "threshold": 13, "window_seconds": 60}}, 1),
        ({"condition": {"query": "nothing", "threshold": 0, "window_seconds": 60}}, 0),
        (
            {
                "condition": {
                    "aggregation": "composite",
                    "window_seconds": 60,
                    "conditions": [_ERRORS, {"service": "web", "threshold": 0}],
                }
            },
            1,
        ),
    ],
)
def test_each_condition(server: Server, rule: dict[str, Any], fired: int) -> None:
    assert _tested(server, rule=rule)["fired"] == fired


def test_hits_come_in_pages_and_requests_one_after_the_other(server: Server) -> None:
    server.ingest("many", [_line(50_000 + n / 1_000, "x", level="INFO") for n in range(25_000)])
    server.settle()
    rule = {"condition": {"service": "many", "threshold": 24_999, "window_seconds": 30}}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: _tested(server, rule=rule), range(4)))
    assert [(one["lines"], one["fired"]) for one in found] == [(25_000, 1)] * 4
    assert found[0]["firings"][0]["peak"] == 25_000


def test_on_the_command_line(server: Server, tmp_path: Path) -> None:
    make_rule(server, name="by host", condition=_ERRORS, group_by=["host"])
    file = tmp_path / "rules.toml"
    condition = '{ service = "pay", level = "ERROR", threshold = 5, window_seconds = 60 }'
    hook = 'group_by = ["host"]\naction = { type = "slack", url = "env:ALERT_HOOK" }\n'
    file.write_text("".join(f'[[rule]]\nname = "{name}"\ncondition = {condition}\n{hook}' for name in ("a", "b: c")))
    times = ("--from", "2024-10-04", "--to", "2024-10-05")
    for which in ("by host", f"{file}:b: c"):
        done = run(server, "alerts", "backtest", which, *times)
        assert (done.returncode, done.stderr) == (
            0,
            "fired 1 time from 2024-10-04T00:00:00.000Z to 2024-10-05T00:00:00.000Z, lines: 13\n",
        )
        (firing,) = map(json.loads, done.stdout.splitlines())
        assert (firing["fired"], len(firing["samples"])) == ("2024-10-04T10:00:06.000Z", 5)
    code, said = on_a_terminal(server, "alerts", "backtest", "by host", *times)
    head, line, _ = said.splitlines()
    assert (code, head.split()) == (0, ["fired", "resolved", "group", "value", "furthest", "first", "line"])
    assert line.split() == [
        "2024-10-04T10:00:06.000Z",
        "2024-10-04T10:01:06.000Z",
        "host=a",
        "6",
        "10",
        "declined",
        "1",
    ]
    times = ("--from", "2024-10-04", "--to", "2024-10-04T10:00:30")
    code, said = on_a_terminal(server, "alerts", "backtest", "by host", *times)
    assert (code, "\x1b[31m2024-10-04T10:00:06.000Z  still fires" in said) == (0, True)
    for which, code, why in (
        ("nothing", 1, "there is no alert rule 'nothing'"),
        (str(file), 2, "has 2 rules; name one as FILE:NAME, of 'a', 'b: c'"),
        (f"{file}:d", 2, "has no rule 'd'"),
        ("nothing.toml", 2, "there is no file nothing.toml"),
        ("by host", 1, "from is 'x', expected"),
    ):
        done = run(server, "alerts", "backtest", which, *(("--from", "x") if "from is" in why else ()))
        assert (done.returncode, done.stdout, why in done.stderr) == (code, "", True), done
    done = run(server, "alerts", "backtest", "by host", "--url", "http://127.0.0.1:9")
    assert done.returncode == 3


def _code(answer: Answer) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status, error["code"], error["where"]


@pytest.mark.parametrize(
    ("asked", "status", "code", "where"),
    [
        ({}, 400, "bad_body", "rule"),
        ({"rule": {"condition": _ERRORS}, "rule_id": "x"}, 400, "bad_body", "rule"),
        ({"rule_id": "nothing"}, 404, "not_found", ""),
        ({"rule_id": "nothing", "surprise": 1}, 400, "bad_body", "body"),
        ({"rule": []}, 400, "bad_rule", "rule"),
        ({"rule": {}}, 400, "bad_rule", "rule.condition"),
        ({"rule": {"condition": {"threshold": "x"}}}, 400, "bad_rule", "rule.condition.threshold"),
        ({"rule": {"condition": {"query": "a AND (", "threshold": 1}}}, 400, "bad_rule", "rule.condition.query:7"),
        ({"rule": {"condition": _ERRORS}, "from": "yesterday"}, 400, "bad_time", "from"),
        ({"rule": {"condition": _ERRORS}, "from": "2024-10-06"}, 400, "bad_range", "from"),
        ({"rule": {"condition": _ERRORS}, "to": "x"}, 400, "bad_time", "to"),
    ],
)
def test_what_is_refused(server: Server, asked: dict[str, Any], status: int, code: str, where: str) -> None:
    answer = ask(server, "POST", _TEST, {**_DAY, **asked})
    assert _code(answer) == (status, code, where), answer


def test_the_last_day_unless_told(server: Server) -> None:
    answer = ask(server, "POST", _TEST, {"rule": {"condition": {**_ERRORS, "compare": "<"}}})
    found = answer.json()
    assert (found["lines"], found["fired"], found["firings"][0]["resolved"]) == (0, 1, None)
    # By days: years of windows of a minute take minutes.
    by_days = {"condition": {**_ERRORS, "window_seconds": 86_400}}
    assert ask(server, "POST", _TEST, {"rule": by_days, "from": "0001", "to": "0031"}).status == 200


def test_a_token_sees_its_own_lines(server: Server) -> None:
    every = token(server.data_dir, "ingest,search,admin")
    until(lambda: server.get(RULES).status == 401, "the server has noticed")
    limited = token(server.data_dir, "search", "--service", "web")
    asked = {**_DAY, "rule": {"condition": {"threshold": 5, "window_seconds": 60}}}
    assert ask(server, "POST", _TEST, asked, every).json()["fired"] >= 1
    found = ask(server, "POST", _TEST, asked, limited).json()
    assert (found["fired"], found["lines"]) == (0, 1_440)
    assert "of some services or hosts" in found["warnings"][0]
    for scope in ("ingest", "admin"):
        assert ask(server, "POST", _TEST, asked, token(server.data_dir, scope)).status == 403
    done = server.request("POST", INGEST, ndjson([{"message": "m"}]), {**NDJSON, **every.header})
    assert done.status == 202, json.loads(done.body)
