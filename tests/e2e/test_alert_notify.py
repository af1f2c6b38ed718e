"""Test notifications of alert rules, through the real server to real receivers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logd.alerts.notify import webhook
from tests.support.access import token
from tests.support.alerts import ALERTS, RULES, ask, make_rule
from tests.support.hooks import Hook, hook
from tests.support.process import Server, free_port
from tests.support.terminal import on_a_terminal, run

_CONDITION = {"threshold": 5, "service": "pay", "window_seconds": 60}
_SECRETS = {"ALERT_HOOK": "hook secret", "ALERT_KEY": "routing key"}


@pytest.fixture
def hooked() -> Iterator[Hook]:
    with hook() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"alerts.notify.allow": '["127.0.0.1"]', "alerts.public_url": "https://logs.example.org"}
    folder = tmp_path_factory.mktemp("notify")
    with Server(folder, roles="processor,api", settings=settings, environment=_SECRETS) as server:
        yield server


def _deliveries(server: Server, path: str, body: object = None) -> list[dict[str, Any]]:
    answer = ask(server, "POST", f"{RULES}/{path}", body)
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json()["deliveries"]
    return found


def test_a_webhook_gets_a_signed_message_that_says_it_is_a_test(server: Server, hooked: Hook) -> None:
    action = {"type": "webhook", "url": hooked.url, "secret": "env:ALERT_HOOK"}
    rule = make_rule(server, name="signed", condition=_CONDITION, group_by=["host"], action=action, enabled=False)
    (delivery,) = _deliveries(server, f"{rule['rule_id']}/notify")
    assert (delivery["status"], delivery["http_status"], delivery["error"]) == ("delivered", 204, None)
    assert (delivery["type"], delivery["took_ms"] > 0) == ("webhook", True)
    assert delivery["target"] == f"webhook {hooked.url.removesuffix('/hook')}/…"
    (told,) = hooked.told
    assert (told["status"], told["title"]) == ("test", "test: signed (host test)")
    assert told["rule"]["description"].startswith("This is a test notification")
    assert told["link"].startswith("https://logs.example.org/explore?q=service%3A%22pay%22&")
    sent = hooked.headers[0]["logd-signature"]
    moment = int(sent.removeprefix("t=").partition(",")[0])
    assert sent == webhook.signature("hook secret", moment, hooked.bodies[0])
    # Nothing has fired, and nothing is kept of it.
    assert server.get(f"{ALERTS}/deliveries").json()["deliveries"] == []
    assert server.get(ALERTS).json()["alerts"] == []


def test_pagerduty_is_triggered_and_resolved(server: Server, hooked: Hook) -> None:
    action = {"type": "pagerduty", "url": hooked.url, "routing_key": "env:ALERT_KEY"}
    make_rule(server, name="paged", condition=_CONDITION, action=action)
    for _ in range(2):
        assert [one["status"] for one in _deliveries(server, "paged/notify")] == ["delivered"]
    events = [(one["event_action"], one["dedup_key"], one["routing_key"]) for one in hooked.told]
    assert [event[0] for event in events] == ["trigger", "resolve", "trigger", "resolve"]
    assert events[0][1] == events[1][1] != events[2][1] == events[3][1]
    assert {event[2] for event in events} == {"routing key"}
    assert hooked.told[0]["payload"]["summary"].startswith("test: paged")


def test_an_alertmanager_forgets_it_soon_and_takes_it_for_no_other(server: Server, hooked: Hook) -> None:
    rule = {"name": "routed", "condition": _CONDITION, "action": {"type": "alertmanager", "url": hooked.url}}
    assert [one["status"] for one in _deliveries(server, "notify", rule)] == ["delivered"]
    (alert,) = json.loads(hooked.bodies[0])
    assert alert["labels"]["logd_test"] == "true"
    assert alert["annotations"]["summary"] == "test: routed"
    starts, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
    assert ends - starts == timedelta(minutes=1)


def test_each_target_says_for_itself(server: Server, hooked: Hook) -> None:
    hooked.status = 503
    gone = f"http://127.0.0.1:{free_port()}/x"
    actions = [
        {"type": "slack", "url": hooked.url},
        {"type": "webhook", "url": gone},
        {"type": "webhook", "url": "http://10.1.2.3/x"},
        {"type": "webhook", "url": hooked.url, "secret": "env:ALERT_NONE"},
    ]
    rule = {"name": "many", "condition": _CONDITION, "actions": actions}
    found = _deliveries(server, "notify", rule)
    assert [(one["status"], one["http_status"]) for one in found] == [
        ("failed", 503),
        ("failed", None),
        ("refused", None),
        ("failed", None),
    ]
    assert "can't be reached" in found[1]["error"]
    assert "10.1.2.3" in found[2]["error"]
    assert "ALERT_NONE" in found[3]["error"]
    assert hooked.told == []
    assert hooked.refused == 1


def test_a_rule_that_is_being_changed_keeps_its_hidden_secrets(server: Server, hooked: Hook) -> None:
    rule = make_rule(server, name="hidden", condition=_CONDITION, action={"type": "webhook", "url": hooked.url})
    assert rule["action"]["url"].endswith("/…")
    changed = {**rule, "name": "hidden, changed"}
    assert [one["status"] for one in _deliveries(server, "notify", changed)] == ["delivered"]
    assert hooked.titles() == ["test: hidden, changed"]
    # Without the rule it was, nobody knows.
    answer = ask(server, "POST", f"{RULES}/notify", {**changed, "rule_id": None})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_rule")


def test_nobody_to_tell_and_nothing_to_tell(server: Server) -> None:
    make_rule(server, name="silent", condition=_CONDITION)
    assert _deliveries(server, "silent/notify") == []
    assert ask(server, "POST", f"{RULES}/nothing/notify").status == 404
    answer = ask(server, "POST", f"{RULES}/notify", {"name": "wrong", "condition": {"aggregation": "many"}})
    assert (answer.status, answer.json()["error"]["where"]) == (400, "condition.aggregation")


def test_the_command_and_the_limit(tmp_path: Path, hooked: Hook) -> None:
    with Server(tmp_path, roles="processor,api", settings={"alerts.notify.allow": '["127.0.0.1"]'}) as server:
        action = {"type": "webhook", "url": hooked.url}
        make_rule(server, name="pay errors", condition=_CONDITION, action=action)
        done = run(server, "alerts", "notify", "pay errors")
        assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "delivered"), done
        file = tmp_path / "rule.json"
        file.write_text(json.dumps({"name": "of a file", "condition": _CONDITION, "action": action}))
        hooked.status = 404
        code, text = on_a_terminal(server, "alerts", "notify", str(file))
        assert code == 1
        assert "refused" in text
        assert "404" in text
        answers = [ask(server, "POST", f"{RULES}/pay%20errors/notify") for _ in range(9)]
        assert [answer.status for answer in answers] == [200] * 8 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0


def test_who_may(tmp_path: Path, hooked: Hook) -> None:
    with Server(tmp_path, roles="processor,api", settings={"alerts.notify.allow": '["127.0.0.1"]'}) as server:
        admin = token(server.data_dir, "admin")
        both = token(server.data_dir, "admin,search")
        rule = {"name": "mine", "condition": _CONDITION, "action": {"type": "webhook", "url": hooked.url}}
        assert ask(server, "POST", f"{RULES}/notify", rule, admin).status == 403
        assert ask(server, "POST", f"{RULES}/notify", rule, both).status == 200
    assert hooked.titles() == ["test: mine"]
