"""Alert rules and silences through the real server: made, changed, limited by who makes them, and read from files."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.access import token
from tests.support.alerts import MINIMAL, RULES, SILENCES, ask, make_rule
from tests.support.commands import logd
from tests.support.process import SEARCH, Answer, Server, until

_ONE = {"threshold": 1}
_FILE = """[[rule]]
name = "{}"
condition = {{ threshold = {} }}
action = {{ type = "slack", url = "https://h.example/x" }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a folder of rules."""
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "rules").mkdir()
    (folder / "rules/disk.toml").write_text(_FILE.format("disk", 5))
    settings = {"alerts.rules": folder / "rules", "alerts.notify.secrets": "env:ALERT_*,file:/run/secrets/alerts-*"}
    with Server(folder, roles="processor,api", settings=settings) as server:
        server.may_log_errors = True  # of a broken file
        yield server


def _code(answer: Answer) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status, error["code"], error["where"]


def test_the_minimal_form(server: Server) -> None:
    answer = ask(server, "POST", RULES, MINIMAL)
    assert answer.status == 201, answer
    made = answer.json()
    assert re.fullmatch("[0-9a-f]{12}", made["rule_id"])
    assert made["condition"] == {**MINIMAL["condition"], "compare": ">"}
    # The path of a hook is its key.
    assert made["action"] == {"type": "webhook", "url": "https://pagerduty.com/…"}
    assert (made["severity"], made["for"], made["cooldown_seconds"], made["enabled"]) == ("error", 0, 600, True)
    assert (made["version"], made["read_only"], made["created_by"]) == (1, False, None)
    for key in (made["rule_id"], quote("Payment Errors Spike")):
        assert ask(server, "GET", f"{RULES}/{key}").json() == made
    assert made in ask(server, "GET", RULES).json()["rules"]


def test_from_its_making_to_its_end(server: Server) -> None:
    secret = {"type": "webhook", "url": "https://h.example/hush", "secret": "env:ALERT_A", "headers": {"A": "hush"}}
    made = make_rule(
        server, name=" a / 𝄞 ", condition={**_ONE, "query": "timeout"}, actions=[secret], group_by=["host"]
    )
    key = f"{RULES}/{quote('a / 𝄞', safe='')}"
    assert "hush" not in str(made)
    # What GET gave, changed, keeps the secrets that it doesn't show.
    changed = {**made, "for": "10m", "actions": [{**made["actions"][0], "body": "{}"}]}
    answer = ask(server, "PUT", key, changed)
    assert answer.status == 200, answer
    now = answer.json()
    assert (now["for"], now["version"], now["rule_id"]) == (600, 2, made["rule_id"])
    assert now["actions"] == [{**made["actions"][0], "body": "{}"}]
    assert _code(ask(server, "PUT", key, changed)) == (409, "conflict", "version")
    stolen = {**now, "actions": [{**now["actions"][0], "url": "https://elsewhere.example/x"}]}
    assert _code(ask(server, "PUT", key, stolen)) == (400, "bad_rule", "actions[0].headers.A")
    without = {name: value for name, value in now.items() if name != "version"}
    assert ask(server, "PUT", key, {**without, "name": "b"}).json()["version"] == 3
    assert ask(server, "GET", key).status == 404
    server.kill()
    server.restart()
    found = ask(server, "GET", f"{RULES}/b").json()
    assert (found["name"], found["version"], found["group_by"]) == ("b", 3, ["host"])
    assert _code(ask(server, "DELETE", f"{RULES}/b?version=1")) == (409, "conflict", "version")
    assert ask(server, "DELETE", f"{RULES}/b?version=3").json() == found
    assert _code(ask(server, "DELETE", f"{RULES}/b")) == (404, "not_found", "")


def test_it_is_switched(server: Server) -> None:
    made = make_rule(server, name="switched", condition=_ONE)
    path = f"{RULES}/{made['rule_id']}"
    off = ask(server, "POST", f"{path}/disable")
    assert (off.status, off.json()["enabled"], off.json()["version"]) == (200, False, 2)
    assert ask(server, "POST", f"{path}/disable").json() == off.json()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(server, "POST", f"{path}/enable"), range(4)))
    assert {(answer.status, answer.json()["version"]) for answer in answers} == {(200, 3)}
    assert ask(server, "GET", path).json()["enabled"] is True


@pytest.mark.parametrize(
    ("change", "status", "code", "where"),
    [
        ({"condition": {"query": "a AND (", "threshold": 1}}, 400, "bad_rule", "condition.query:7"),
        ({"condition": {"field": "x"}, "group_by": ["tags"]}, 400, "bad_rule", "condition.threshold"),
        ({"condition": {"threshold": "1"}}, 400, "bad_rule", "condition.threshold"),
        ({"severity": "page"}, 400, "bad_rule", "severity"),
        ({"name": "0123456789ab"}, 400, "bad_rule", "name"),
        ({"name": "taken"}, 409, "conflict", "name"),
        ({"action": {"type": "slack", "url": "env:HOME"}}, 400, "bad_rule", "action.url"),
        ({"action": {"type": "slack", "url": "file:/etc/passwd"}}, 400, "bad_rule", "action.url"),
        ({"action": {"type": "slack", "url": "file:/run/secrets/alerts-x/../y"}}, 400, "bad_rule", "action.url"),
        ({"action": {"type": "slack", "url": "https://h.example/…"}}, 400, "bad_rule", "action.url"),
        ({"action": {"type": "email", "to": ["a@example.org"]}}, 400, "bad_rule", "action.type"),
        (
            {"action": {"type": "webhook", "url": "https://a", "headers": {"Host": "b"}}},
            400,
            "bad_rule",
            "action.headers",
        ),
        ({"actions": [{"type": "webhook", "url": "https://a", "body": "{{x"}]}, 400, "bad_rule", "actions[0].body"),
        ({"description": "d" * 10_001}, 400, "bad_rule", "description"),
        (
            {"actions": [{"type": "webhook", "url": "https://a", "body": f'"{"b" * 49_998}"'}] * 5},
            413,
            "rule_too_large",
            "body",
        ),
        ({"version": 1}, 400, "bad_rule", "version"),
    ],
)
def test_what_is_no_rule(server: Server, change: Mapping[str, Any], status: int, code: str, where: str) -> None:
    ask(server, "POST", RULES, {"name": "taken", "condition": _ONE})
    answer = ask(server, "POST", RULES, {"name": "x", "condition": _ONE, **change})
    assert _code(answer) == (status, code, where), answer
    assert "x" not in [rule["name"] for rule in ask(server, "GET", RULES).json()["rules"]]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_body(server: Server, body: bytes) -> None:
    assert _code(server.request("POST", RULES, body, {"Content-Type": "application/json"})) == (400, "bad_body", "body")


def test_all_is_said_at_once(server: Server) -> None:
    answer = ask(server, "POST", RULES, {"name": "x", "condition": {"level": "odd"}, "group_by": ["tags"]})
    said = answer.json()["error"]["message"]
    assert (
        said.index("condition.threshold is missing") < said.index("condition.level is") < said.index("group_by[0] is")
    )


def test_what_may_be_named(server: Server) -> None:
    for text in ("env:ALERT_HOOK", "file:/run/secrets/alerts-hook"):
        made = make_rule(server, name="named", condition=_ONE, action={"type": "slack", "url": text})
        assert made["action"]["url"] == text
        assert ask(server, "DELETE", f"{RULES}/named").status == 200


def test_rules_of_files(server: Server) -> None:
    folder = Path(str(server.settings["alerts.rules"]))

    def rules() -> dict[str, Any]:
        return {one["name"]: one for one in ask(server, "GET", RULES).json()["rules"] if one["read_only"]}

    disk = rules()["disk"]
    assert (disk["file"], disk["action"]["url"], "version" in disk) == ("disk.toml", "https://h.example/…", False)
    assert ask(server, "GET", f"{RULES}/disk").json() == ask(server, "GET", f"{RULES}/{disk['rule_id']}").json() == disk
    body = {"name": "disk", "condition": _ONE}
    for method, path, sent in (
        ("PUT", "disk", body),
        ("DELETE", "disk", None),
        ("POST", "disk/disable", None),
        ("DELETE", disk["rule_id"], None),
    ):
        answer = ask(server, method, f"{RULES}/{path}", sent)
        assert _code(answer) == (409, "conflict", "id")
        assert "disk.toml" in answer.json()["error"]["message"]
    # One that comes, and one that is changed, with the same id, and without a signal.
    (folder / "net.toml").write_text(_FILE.format("net", 1))
    (folder / "disk.toml").write_text(_FILE.format("disk", 7))
    until(lambda: "net" in rules() and rules()["disk"]["condition"]["threshold"] == 7, "the files are read again")
    assert rules()["disk"]["rule_id"] == disk["rule_id"]
    # Broken: what was there before holds, and it is said.
    (folder / "disk.toml").write_text(_FILE.format("disk", "'x'"))
    os.kill(server.pid, signal.SIGHUP)
    broken = until(lambda: ask(server, "GET", RULES).json()["broken_files"], "the file is named")
    assert [(one["file"], one["line"]) for one in broken] == [("disk.toml", 3)]
    assert rules()["disk"]["condition"]["threshold"] == 7
    assert "alert rules not loaded, its 1 rules of before go on: disk.toml:3: condition.threshold" in server.log()
    # Two of the same name are told apart by their ids; one in the catalog comes first.
    (folder / "disk.toml").write_text(_FILE.format("net", 2))
    until(lambda: "disk" not in rules() and not ask(server, "GET", RULES).json()["broken_files"], "it is mended")
    assert _code(ask(server, "GET", f"{RULES}/net")) == (409, "conflict", "id")
    made = make_rule(server, name="net", condition=_ONE)
    assert ask(server, "GET", f"{RULES}/net").json() == made


def test_silences(server: Server) -> None:
    body = {"rule": "pay*", "labels": {"team": "pay"}, "group": {"host": "web-?"}, "duration": "2h", "why": "deploy"}
    answer = ask(server, "POST", SILENCES, body)
    assert answer.status == 201, answer
    made = answer.json()
    assert {name: made[name] for name in ("rule", "labels", "group", "why", "state", "created_by")} == {
        "rule": "pay*", "labels": {"team": "pay"}, "group": {"host": "web-?"}, "why": "deploy", "state": "active",
        "created_by": None,
    }  # fmt: skip
    planned = ask(server, "POST", SILENCES, {"rule": "*", "from": "now+1h", "to": "now+2h"})
    assert (planned.status, planned.json()["state"]) == (201, "pending"), planned
    listed = [one["id"] for one in ask(server, "GET", SILENCES).json()["silences"]]
    assert sorted(listed) == sorted([made["id"], planned.json()["id"]])
    assert ask(server, "DELETE", f"{SILENCES}/{made['id']}").json() == made
    assert ask(server, "DELETE", f"{SILENCES}/{planned.json()['id']}").status == 200
    assert _code(ask(server, "DELETE", f"{SILENCES}/{made['id']}")) == (404, "not_found", "")
    assert ask(server, "GET", SILENCES).json() == {"silences": []}


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ({"duration": "2h"}, "bad_silence", "rule"),
        ({"rule": "*"}, "bad_silence", "to"),
        ({"rule": "*", "duration": "2h", "to": "2100-01-01"}, "bad_silence", "to"),
        ({"rule": "*", "duration": "2 hours"}, "bad_duration", "duration"),
        ({"rule": "*", "duration": "367d"}, "bad_range", "to"),
        ({"rule": "*", "to": "-1h"}, "bad_range", "to"),
        ({"rule": "*", "from": "2020-01-01", "to": "2020-02-01"}, "bad_range", "to"),
        ({"rule": "*", "from": "soon", "duration": "2h"}, "bad_time", "from"),
        ({"rule": "[a", "duration": "2h"}, "bad_silence", "rule"),
        ({"labels": {"a": "[z-a]"}, "duration": "2h"}, "bad_silence", "labels.a"),
        ({"group": {"a": "x" * 2_000}, "duration": "2h"}, "bad_silence", "group.a"),
        ({"labels": {f"a{n}": "x" for n in range(51)}, "duration": "2h"}, "bad_silence", "labels.a0"),
        ({"rule": "*", "duration": "2h", "who": "me"}, "bad_body", "body"),
        ([], "bad_body", "body"),
    ],
)
def test_what_is_no_silence(server: Server, body: object, code: str, where: str) -> None:
    assert _code(ask(server, "POST", SILENCES, body)) == (400, code, where)


def test_who_may_do_what(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor,api") as server:
        both, search = token(server.data_dir, "admin,search"), token(server.data_dir, "search")
        admin, ingest = token(server.data_dir, "admin"), token(server.data_dir, "ingest")
        cart = token(server.data_dir, "search", "--service", "cart")
        until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
        rule = {"name": "n", "condition": _ONE}
        assert [ask(server, "POST", RULES, rule, one).status for one in (ingest, search, admin)] == [403, 403, 403]
        assert "search is missing besides" in ask(server, "POST", RULES, rule, admin).json()["error"]["message"]
        made = make_rule(server, both, **rule)
        assert (made["created_by"], made["updated_by"]) == ("test", "test")
        for one, status in ((ingest, 403), (search, 200), (admin, 200), (cart, 200)):
            assert ask(server, "GET", f"{RULES}/n", None, one).status == status
        for method, path in (("DELETE", "n"), ("PUT", "n"), ("POST", "n/disable")):
            for one in (search, admin):
                assert ask(server, method, f"{RULES}/{path}", rule, one).status == 403
        silence = {"rule": "*", "duration": "1h"}
        assert [ask(server, "POST", SILENCES, silence, one).status for one in (ingest, cart)] == [403, 403]
        quiet = ask(server, "POST", SILENCES, silence, search).json()
        other = token(server.data_dir, "search")
        assert ask(server, "DELETE", f"{SILENCES}/{quiet['id']}", None, other).status == 403
        assert ask(server, "DELETE", f"{SILENCES}/{quiet['id']}", None, search).status == 200
        again = ask(server, "POST", SILENCES, silence, search).json()
        assert ask(server, "DELETE", f"{SILENCES}/{again['id']}", None, admin).status == 200
        # They survive a backup.
        assert logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir).code == 0
    restored = Server(tmp_path / "second", roles="processor,api")
    assert logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir).code == 0
    with restored:
        found = ask(restored, "GET", RULES, None, both).json()["rules"]
        assert [one["name"] for one in found] == ["n"]
