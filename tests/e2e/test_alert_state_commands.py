"""`logd alerts list`, `history`, `deliveries`, `ack`, `unack` and `retry`, in a pipe and on a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from logd.seams import Alert, AlertStage, Delivery, Event
from tests.support.alerts import SILENCES, ask, make_rule, record
from tests.support.process import Server
from tests.support.terminal import on_a_terminal, run

#: 2026-11-27T00:00:00Z.
_START_US = 1_795_737_600_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a rule "pay" of which one group fires and one is pending, and a rule "disk", which has no groups."""
    with Server(tmp_path_factory.mktemp("alerts"), roles="processor,api") as server:
        pay = make_rule(server, name="pay", condition={"threshold": 1}, group_by=["service", "host"])["rule_id"]
        disk = make_rule(server, name="disk", condition={"threshold": 1}, severity="critical")["rule_id"]
        record(
            server,
            _alert(pay, "pay", ("cart", "web\n1"), AlertStage.FIRING, fired_us=_START_US + 1_000_000, value=1.5),
            _alert(pay, "pay", ("cart", None), AlertStage.PENDING, held="inhibited"),
            _alert(disk, "disk", (), AlertStage.RESOLVED, fired_us=_START_US, ended_us=_START_US + 9_000_000),
            events=[_event(pay, "firing", 7.0, "a hundred"), _event(pay, "resolved", None, "")],
            deliveries=[
                _delivery("first", "failed", 2),
                _delivery("second", "refused", 1),
                _delivery("third", "waiting", 0),
            ],
        )
        # It would be there at another time.
        ask(server, "POST", SILENCES, {"labels": {"severity": "critical"}, "to": "2100-01-01", "from": "2099-12-31"})
        yield server


def _alert(rule_id: str, rule: str, group: tuple[str | None, ...], stage: AlertStage, **given: Any) -> Alert:
    severity = "critical" if rule == "disk" else "error"
    usual = {"value": 20_000_000.0, "samples": [{"message": "declined"}], "since_us": _START_US, "at_us": _START_US}
    return Alert(
        **{"rule_id": rule_id, "rule": rule, "group": group, "stage": stage, "severity": severity, **usual, **given}
    )


def _event(rule_id: str, what: str, value: float | None, why: str) -> Event:
    group = ("cart", "a")
    return Event(at_us=_START_US, rule_id=rule_id, rule="pay", group=group, what=what, value=value, why=why)


def _delivery(name: str, status: str, tries: int) -> Delivery:
    return Delivery(
        id=name,
        rule_id="0" * 12,
        rule="gone",
        target="slack hooks.example.org",
        action={"type": "slack", "url": "https://hooks.example.org/hush"},
        notification={},
        status=status,
        attempts=[{"at_us": _START_US, "result": "failed", "error": f"it answered {500 + n}"} for n in range(tries)],
        made_us=_START_US,
    )


def _printed(server: Server, *arguments: str) -> list[dict[str, Any]]:
    done = run(server, "alerts", *arguments)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def _shown(server: Server, *arguments: str) -> str:
    code, said = on_a_terminal(server, "alerts", *arguments)
    assert code == 0, said
    return said


def test_what_fires(server: Server) -> None:
    assert _shown(server, "list") == (
        "state     severity  rule  group                    value  since                     notes\n"
        "firing    error     pay   service=cart host=web 1    1.5  2026-11-27T00:00:01.000Z\n"
        "resolved  critical  disk  -                        2e+07  2026-11-27T00:00:09.000Z\n"
        "pending   error     pay   service=cart host        2e+07  2026-11-27T00:00:00.000Z  not told: inhibited\n"
    )
    found = _printed(server, "list")
    assert [(one["rule"], one["state"], len(one["samples"])) for one in found] == [
        ("pay", "firing", 1), ("disk", "resolved", 1), ("pay", "pending", 1)
    ]  # fmt: skip
    assert [one["rule"] for one in _printed(server, "list", "--severity", "critical", "--state", "resolved")] == [
        "disk"
    ]
    done = run(server, "alerts", "list", "--rule", "pay", "--limit", "1")
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "logd: 1 more, see --limit\n")
    assert _shown(server, "list", "--rule", "nobody") == "no alerts\n"
    done = run(server, "alerts", "list", "--state", "odd")
    assert (done.returncode, "state has 'odd', expected one of pending, firing, resolved" in done.stderr) == (1, True)


def test_somebody_cares(server: Server) -> None:
    done = run(server, "alerts", "ack", "pay", "service=cart", "host=web\n1", "--why", "on it")
    assert (done.returncode, done.stdout) == (0, "acknowledged 'pay' (service=cart host=web\n1)\n"), done
    assert _shown(server, "list", "--state", "firing").split("\n")[1].endswith("  acknowledged: on it")
    done = run(server, "alerts", "ack", "pay", "service=cart", "host")
    assert (done.returncode, "is pending, only what fires" in done.stderr) == (1, True)
    for _ in range(2):
        done = run(server, "alerts", "unack", "pay", "service=cart", "host=b")
        assert (done.returncode, done.stdout) == (1, "")
    done = run(server, "alerts", "unack", "pay")
    assert (done.returncode, done.stdout) == (0, "no longer acknowledged 'pay' (service=cart host=web\n1)\n")
    # The only one that fires needn't be named.
    assert run(server, "alerts", "ack", "pay").returncode == 0
    assert run(server, "alerts", "unack", "pay", "service=cart", "host=web\n1").returncode == 0


def test_what_happened(server: Server) -> None:
    # What was acknowledged happened now, and times are of any width.
    shown = [re.split("  +", line) for line in _shown(server, "history", "--rule", "pay").splitlines()]
    assert shown[0] == ["time", "what", "rule", "group", "value", "by", "why"]
    assert shown[-2:] == [
        ["2026-11-27T00:00:00.000Z", "resolved", "pay", "service=cart host=a", "-", "-"],
        ["2026-11-27T00:00:00.000Z", "firing", "pay", "service=cart host=a", "7", "-", "a hundred"],
    ]
    assert [one["what"] for one in _printed(server, "history")[-2:]] == ["resolved", "firing"]
    assert len(_printed(server, "history", "--limit", "1")) == 1
    assert run(server, "alerts", "history", "--rule", "nobody").returncode == 1


def test_who_was_told(server: Server) -> None:
    assert _shown(server, "deliveries") == (
        "made                      status   rule  group  target                   tries  id      last error\n"
        "2026-11-27T00:00:00.000Z  waiting  gone  -      slack hooks.example.org      0  third\n"
        "2026-11-27T00:00:00.000Z  refused  gone  -      slack hooks.example.org      1  second  it answered 500\n"
        "2026-11-27T00:00:00.000Z  failed   gone  -      slack hooks.example.org      2  first   it answered 501\n"
    )
    assert [one["id"] for one in _printed(server, "deliveries", "--dead")] == ["second", "first"]
    assert [one["id"] for one in _printed(server, "deliveries", "--status", "failed")] == ["first"]
    assert "hush" not in str(_printed(server, "deliveries"))
    done = run(server, "alerts", "retry", "first", "third", "no/body")
    assert (done.returncode, done.stdout) == (1, "1 messages wait to be sent once more\n")
    assert "'third' is waiting" in done.stderr
    assert "there is no delivery 'no/body'" in done.stderr
    assert run(server, "alerts", "retry").returncode == 2
    assert run(server, "alerts", "retry", "first", "--all").returncode == 2
    done = run(server, "alerts", "retry", "--all")
    assert (done.returncode, done.stdout) == (0, "1 messages wait to be sent once more\n")
    assert _shown(server, "deliveries", "--dead") == "no deliveries\n"
