"""Alerts on one machine, through the real process: what fires is told, once, whatever happens to it meanwhile."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.alerts import ALERTS, RULES, ask, make_rule
from tests.support.hooks import Hook, hook
from tests.support.process import INGEST, NDJSON, Server, until

_SETTINGS = {"alerts.notify.allow": '["127.0.0.1"]', "alerts.late_seconds": 1, "alerts.group_interval_seconds": 0}


@pytest.fixture
def hooked() -> Iterator[Hook]:
    with hook() as made:
        yield made


def _server(folder: Path, **settings: object) -> Server:
    return Server(folder, roles="processor,api,alerter,archiver", settings={**_SETTINGS, **settings})


def _rule(server: Server, hooked: Hook, name: str = "pay", **rule: Any) -> str:
    """Made, and watching: what comes from now on is counted."""
    before = _status(server)["rules"]
    made = make_rule(server, name=name, action={"type": "webhook", "url": hooked.url}, **rule)
    until(lambda: _status(server)["rules"] > before, "the rule watches")
    return str(made["rule_id"])


def _status(server: Server) -> Any:
    return server.get("/api/v1/status").json()["alerter"]


def _write(server: Server, *messages: str, level: str = "ERROR", service: str = "payment", **fields: object) -> None:
    lines = [json.dumps({"message": text, "level": level, "service": service, **fields}) for text in messages]
    answer = server.request("POST", INGEST, "\n".join(lines).encode(), NDJSON)
    assert answer.status == 202, answer


def test_it_fires_and_is_resolved(tmp_path: Path, hooked: Hook) -> None:
    with _server(tmp_path, **{"alerts.public_url": "https://logs.example.org"}) as server:
        condition = {"service": "payment", "level": "ERROR", "threshold": 2, "window_seconds": 4}
        rule_id = _rule(
            server, hooked, condition=condition, group_by=["host"], severity="critical", runbook="restart it"
        )
        _write(server, "one", "two", host="a")
        _write(server, *(["fine"] * 9), level="INFO", host="b")
        _write(server, "three", host="a")
        until(lambda: len(hooked.told) == 2, "it fires, and is resolved")
        firing, resolved = hooked.told
        assert firing["title"] == "firing: pay (host a)"
        assert firing["text"] == "count is 3 > 2 in 4 s"
        assert firing["rule"]["severity"] == "critical"
        assert firing["rule"]["runbook"] == "restart it"
        assert [line["message"] for line in firing["lines"]] == ["one", "two", "three"]
        assert firing["link"].startswith("https://logs.example.org/explore?q=")
        assert resolved["title"] == "resolved: pay (host a)"
        assert resolved["firing_key"] == firing["firing_key"]
        events = server.get(f"{ALERTS}/history?rule={rule_id}").json()["events"]
        assert [event["what"] for event in events] == ["resolved", "firing"]
        until(lambda: _delivered(server) == 2, "both are known to be delivered")


def _delivered(server: Server) -> int:
    return len(server.get(f"{ALERTS}/deliveries?status=delivered").json()["deliveries"])


def test_it_is_killed_between_firing_and_telling(tmp_path: Path, hooked: Hook) -> None:
    hooked.status = 503
    with _server(tmp_path) as server:
        _rule(server, hooked, condition={"threshold": 0, "window_seconds": 600})
        _write(server, "one")
        until(lambda: hooked.refused, "it was tried")
        server.kill()
        hooked.status = 204
        server.start()
        until(lambda: hooked.told, "it is told after all")
        _write(server, "two")
        server.kill()
        server.start()
        _rule(server, hooked, name="another", condition={"threshold": 0, "window_seconds": 600, "query": "three"})
        _write(server, "three")
        until(lambda: len(hooked.told) == 2, "what comes later is told too")
        assert hooked.titles() == ["firing: pay", "firing: another"]


def test_what_was_counted_before_a_kill_counts(tmp_path: Path, hooked: Hook) -> None:
    with _server(tmp_path) as server:
        _rule(server, hooked, name="nine", condition={"threshold": 9, "window_seconds": 600})
        _rule(server, hooked, name="ten", condition={"threshold": 10, "window_seconds": 600})
        for number in range(5):
            _write(server, f"{number} a", f"{number} b")
            server.kill()
            server.start()
        until(lambda: hooked.told, "ten are more than nine")
        _write(server, "one more")
        until(lambda: len(hooked.told) == 2, "eleven are more than ten")
        assert [(one["title"], one["value"]) for one in hooked.told] == [("firing: nine", 10), ("firing: ten", 11)]


def test_what_came_while_no_alerter_ran_is_told(tmp_path: Path, hooked: Hook) -> None:
    """The burst was over long before, by more than its windows are kept."""
    with _server(tmp_path) as server:
        rule_id = _rule(server, hooked, condition={"threshold": 3, "window_seconds": 2, "query": "burst"})
        server.kill()
    with Server(tmp_path, roles="processor,api", settings=dict(_SETTINGS)) as server:
        _write(server, *["burst"] * 5)
        for _ in range(40):
            _write(server, "calm")
            time.sleep(0.2)  # a steady rate
        server.kill()
    with _server(tmp_path) as server:
        until(lambda: len(hooked.told) == 2, "it fired, and was resolved")
        assert hooked.titles() == ["firing: pay", "resolved: pay"]
        events = server.get(f"{ALERTS}/history?rule={rule_id}").json()["events"]
        assert [event["what"] for event in events] == ["resolved", "firing"]


def test_rules_change(tmp_path: Path, hooked: Hook) -> None:
    with _server(tmp_path) as server:
        rule_id = _rule(server, hooked, condition={"threshold": 0, "window_seconds": 600, "query": "never"})
        changed = {
            "name": "pay",
            "condition": {"threshold": 0, "window_seconds": 600, "query": "now"},
            "action": {"type": "webhook", "url": hooked.url},
        }
        assert ask(server, "PUT", f"{RULES}/{rule_id}", changed).status == 200
        until(lambda: _fires_by(server, hooked, "now"), "the changed rule watches")
        until(lambda: _delivered(server) == 1, "it is told")
        assert ask(server, "POST", f"{RULES}/{rule_id}/disable").status == 200
        until(lambda: _status(server)["rules"] == 0, "it rests")
        until(lambda: server.get(ALERTS).json()["alerts"] == [], "nothing fires of it any more")
        until(lambda: hooked.titles() == ["firing: pay", "resolved: pay"], "who was told hears that it is over")


def _fires_by(server: Server, hooked: Hook, word: str) -> bool:
    _write(server, word)
    return bool(hooked.told)


def test_more_groups_than_a_rule_may_have(tmp_path: Path, hooked: Hook) -> None:
    with _server(tmp_path) as server:
        condition = {"threshold": 2, "window_seconds": 600}
        rule_id = _rule(server, hooked, condition=condition, group_by=["user"], max_groups=3)
        for user in "abcdef":
            _write(server, "one", user=user)
        until(lambda: hooked.told, "those that are too many fire together")
        assert hooked.titles() == ["firing: pay (user (others))"]
        events = server.get(f"{ALERTS}/history?rule={rule_id}").json()["events"]
        assert {event["what"] for event in events} == {"firing", "groups_full"}


def test_a_file_of_rules(tmp_path: Path, hooked: Hook) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    rule = f"""
        [[rule]]
        name = "silent hosts"
        group_by = ["host"]
        condition = {{ aggregation = "absence", window_seconds = 3 }}
        action = {{ type = "webhook", url = "{hooked.url}" }}
    """
    (folder / "a.toml").write_text(rule)
    with _server(tmp_path, **{"alerts.rules": folder}) as server:
        until(lambda: _status(server)["rules"] == 1, "the file's rule watches")
        _write(server, "here", host="a")
        until(lambda: _keeps_writing(server, hooked), "a is silent while b writes")
        assert hooked.titles()[0] == "firing: silent hosts (host a)"
        _write(server, "again", host="a")
        until(lambda: "resolved: silent hosts (host a)" in hooked.titles(), "a is back")


def test_a_service_that_is_silent_on_a_host_that_is_alive(tmp_path: Path, hooked: Hook) -> None:
    with _server(tmp_path) as server:
        condition = {"aggregation": "absence", "service": "payment", "of": "*", "window_seconds": 3}
        _rule(server, hooked, condition=condition, group_by=["host"])
        for host in ("alive", "down"):
            _write(server, "here", host=host)

        def told() -> bool:
            _write(server, "other", service="cron", host="alive")
            time.sleep(0.2)  # a steady rate
            return bool(hooked.told)

        until(told, "it is silent")
        assert hooked.titles() == ["firing: pay (host alive)"]


def _keeps_writing(server: Server, hooked: Hook) -> bool:
    _write(server, "here", host="b")
    time.sleep(0.2)  # a steady rate
    return bool(hooked.told)


def test_a_clock_that_was_ahead_holds_nothing_up(tmp_path: Path, hooked: Hook) -> None:
    with _server(tmp_path) as server:
        _rule(server, hooked, condition={"aggregation": "avg", "field": "ms", "threshold": 1, "window_seconds": 2})
        until(lambda: _status(server)["shards"] == [0], "its shard was taken")
        server.kill()
        ahead_us = time.time_ns() // 1_000 + 365 * 86_400 * 1_000_000
        with contextlib.closing(sqlite3.connect(server.data_dir / "catalog.db")) as db:
            assert db.execute("UPDATE alert_shards SET clock_us = ?", (ahead_us,)).rowcount == 1
            db.commit()
        server.start()
        until(lambda: _status(server)["rules"] == 1, "the rule watches")
        _write(server, "slow", ms=5)
        until(lambda: hooked.titles() == ["firing: pay", "resolved: pay"], "it fires, and is resolved")
