"""What fires, its history and who was told, through the real server: seen, acknowledged, and sent once more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from logd.seams import Alert, AlertStage, Delivery, Event
from tests.support.access import token
from tests.support.alerts import ALERTS, RULES, SILENCES, ask, make_rule, record
from tests.support.process import SEARCH, Answer, Server, until

_ACK = f"{ALERTS}/acknowledge"
#: 2026-11-27T00:00:00Z.
_START_US = 1_795_737_600_000_000
_SAMPLE = {"timestamp": "2026-11-27T00:00:00.000Z", "message": "declined", "metadata": {"ms": 2**64}}
_GONE = "file-0123456789ab"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"alerts.maintenance": "[{rule = 'two', group = {host = 'm*'}, start = '00:00', end = '00:00'}]"}
    with Server(tmp_path_factory.mktemp("alerts"), roles="processor,api", settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def rule_id(server: Server) -> str:
    """Of the rule "pay", by service and host, of which one group fires, one is pending and one was resolved; and one of
    a rule that is gone fires."""
    made = make_rule(server, name="pay", condition={"threshold": 1}, group_by=["service", "host"])["rule_id"]
    record(
        server,
        _alert(
            made,
            ("cart", "a"),
            stage=AlertStage.FIRING,
            fired_us=_START_US + 3_000_000,
            told=2,
            told_us=_START_US,
            held="inhibited",
        ),
        _alert(made, ("cart", None), value=math.nan),
        _alert(made, ("shop", "ü"), stage=AlertStage.RESOLVED, fired_us=_START_US + 2, ended_us=_START_US + 5),
        _alert(_GONE, ("x",), rule="gone", stage=AlertStage.FIRING, fired_us=_START_US + 1, severity="critical"),
    )
    return str(made)


def _alert(rule_id: str, group: tuple[str | None, ...], rule: str = "pay", **given: Any) -> Alert:
    usual = {"stage": AlertStage.PENDING, "value": 1.5, "samples": [_SAMPLE], "labels": {"team": "pay"}}
    times = {"since_us": _START_US, "at_us": _START_US + 1}
    return Alert(**{"rule_id": rule_id, "rule": rule, "group": group, **usual, **times, **given})


def _delivery(name: str, status: str, rule_id: str, **given: Any) -> Delivery:
    attempt = {"at_us": _START_US, "seconds": 0.25, "result": status, "status": 404, "error": "it said no"}
    action = {"type": "webhook", "url": "https://h.example/hush", "secret": "env:ALERT_A", "headers": {"A": "hush"}}
    return Delivery(
        id=name,
        rule_id=rule_id,
        rule="pay",
        group=("cart", "a"),
        target="webhook h.example",
        action=action,
        notification={"firing": True, "value": 7.0, "lines": [{"message": "hush"}]},
        status=status,
        attempts=[] if status == "waiting" else [attempt],
        made_us=_START_US,
        settled_us=None if status == "waiting" else _START_US + 1,
        **given,
    )


def _get(server: Server, path: str = ALERTS, /, **query: object) -> dict[str, Any]:
    answer = ask(server, "GET", f"{path}?{urlencode(query)}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


def _code(answer: Answer) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status, error["code"], error["where"]


def _groups(server: Server, **query: object) -> list[list[str | None]]:
    return [list(one["group"].values()) for one in _get(server, ALERTS, **query)["alerts"]]


def test_what_fires_is_listed(server: Server, rule_id: str) -> None:
    answer = _get(server)
    assert answer["counts"] == {"pending": 1, "firing": 2, "resolved": 1}
    assert answer["total"] == 4
    first, second, third, last = answer["alerts"]
    assert first == {
        "rule_id": rule_id,
        "rule": "pay",
        "group": {"service": "cart", "host": "a"},
        "severity": "error",
        "labels": {"team": "pay"},
        "state": "firing",
        "value": 1.5,
        "at": "2026-11-27T00:00:00.000001Z",
        "since": "2026-11-27T00:00:00.000Z",
        "fired": "2026-11-27T00:00:03.000Z",
        "ended": None,
        "told": 2,
        "told_at": "2026-11-27T00:00:00.000Z",
        "held": "inhibited",
        "acknowledged": None,
        "silenced": None,
        "samples": [_SAMPLE],
    }
    assert (second["group"], second["ended"]) == (
        {"service": "shop", "host": "ü"},
        "2026-11-27T00:00:00.000005Z",
    )
    assert (third["rule"], third["group"]) == ("gone", {"1": "x"})
    assert (last["state"], last["value"], last["fired"], last["group"]["host"]) == ("pending", None, None, None)


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ({"state": "firing"}, [["cart", "a"], ["x"]]),
        ({"state": "Pending,resolved"}, [["shop", "ü"], ["cart", None]]),
        ({"severity": "critical"}, [["x"]]),
        ({"severity": "critical,error", "state": "firing", "rule": "pay"}, [["cart", "a"]]),
        ({"rule": _GONE}, [["x"]]),
        ({"rule": "nobody"}, []),
        ({"limit": 1}, [["cart", "a"]]),
        ({"limit": 0}, []),
    ],
)
def test_some_of_them(server: Server, rule_id: str, query: dict[str, object], groups: list[object]) -> None:
    assert _groups(server, **query) == groups
    assert rule_id in str(_get(server))
    assert {str(one["samples"]) for one in _get(server, samples="false")["alerts"]} == {"[]"}


@pytest.mark.parametrize(
    ("path", "query", "code", "where"),
    [
        (ALERTS, "state=odd", "bad_choice", "state"),
        (ALERTS, "severity=firing", "bad_choice", "severity"),
        (ALERTS, "limit=10001", "bad_number", "limit"),
        (ALERTS, "samples=some", "bad_choice", "samples"),
        (f"{ALERTS}/history", "before=0", "bad_number", "before"),
        (f"{ALERTS}/history", "limit=0", "bad_number", "limit"),
        (f"{ALERTS}/deliveries", "status=dead", "bad_choice", "status"),
    ],
)
def test_what_is_no_question(server: Server, path: str, query: str, code: str, where: str) -> None:
    assert _code(ask(server, "GET", f"{path}?{query}")) == (400, code, where)


def test_it_is_acknowledged(server: Server, rule_id: str) -> None:
    answer = ask(server, "POST", _ACK, {"rule": "pay", "group": {"service": "cart", "host": "a"}, "why": "on it"})
    assert answer.status == 200, answer
    care = answer.json()["acknowledged"]
    assert (care["by"], care["why"]) == (None, "on it")
    listed = _get(server, state="firing", rule="pay")["alerts"][0]
    assert listed == answer.json()
    # Once it fires anew, nobody has cared for that yet.
    again = _START_US + 9_000_000
    record(server, _alert(rule_id, ("cart", "a"), stage=AlertStage.FIRING, fired_us=again))
    until(lambda: _get(server, rule="pay")["alerts"][0]["acknowledged"] is None, "the next firing is seen")
    # One group fires: it needn't be named.
    assert ask(server, "POST", _ACK, {"rule": rule_id}).json()["group"] == {"service": "cart", "host": "a"}
    for wrong in ('{"service": "cart"}', '{"service": "cart", "host": null}'):
        assert ask(server, "DELETE", f"{_ACK}?rule=pay&group={quote(wrong)}").status == 404
    group = quote('{"host": "a", "service": "cart"}')
    taken = ask(server, "DELETE", f"{_ACK}?rule=pay&group={group}")
    assert taken.status == 200, taken
    (one,) = taken.json()["acknowledgements"]
    assert (one["rule"], one["group"], one["fired"]) == (
        "pay", {"service": "cart", "host": "a"}, "2026-11-27T00:00:09.000Z"
    )  # fmt: skip
    assert _get(server, rule="pay")["alerts"][0]["acknowledged"] is None
    assert _code(ask(server, "DELETE", f"{_ACK}?rule=pay")) == (404, "not_found", "")
    # Of a rule that is gone too.
    assert ask(server, "POST", _ACK, {"rule": "gone"}).status == 200
    assert ask(server, "DELETE", f"{_ACK}?rule={_GONE}").status == 200
    told = [(one["what"], one["why"]) for one in _get(server, f"{ALERTS}/history", rule="pay")["events"]]
    assert told == [("unacknowledged", ""), ("acknowledged", ""), ("acknowledged", "on it")]


@pytest.mark.parametrize(
    ("body", "status", "code", "where"),
    [
        ({"rule": "nobody"}, 404, "not_found", ""),
        ({"rule": "pay", "group": {"service": "cart", "host": "b"}}, 404, "not_found", ""),
        ({"rule": "pay", "group": {"service": "cart", "host": None}}, 409, "conflict", "rule"),
        ({"rule": "two"}, 400, "bad_group", "group"),
        ({"rule": "pay", "group": ["cart", "a"]}, 400, "bad_body", "body"),
        ({"rule": "pay", "who": "me"}, 400, "bad_body", "body"),
        ({}, 400, "bad_body", "body"),
    ],
)
def test_what_cant_be_acknowledged(
    server: Server, rule_id: str, body: object, status: int, code: str, where: str
) -> None:
    two = make_two(server)
    assert _code(ask(server, "POST", _ACK, body)) == (status, code, where)
    assert two != rule_id


def make_two(server: Server) -> str:
    """The id of a rule of which two groups fire."""
    found = [one for one in ask(server, "GET", RULES).json()["rules"] if one["name"] == "two"]
    made = found[0] if found else make_rule(server, name="two", condition={"threshold": 1}, group_by=["host"])
    two = str(made["rule_id"])
    fire = {"stage": AlertStage.FIRING, "fired_us": 1}
    record(server, _alert(two, ("a",), "two", **fire), _alert(two, ("b",), "two", **fire))
    return two


def test_it_is_silenced(server: Server) -> None:
    two = make_two(server)
    silence = {"rule": "tw*", "group": {"host": "b"}, "labels": {"team": "p*"}, "duration": "1h", "why": "deploy"}
    made = ask(server, "POST", SILENCES, silence).json()
    planned = ask(server, "POST", SILENCES, {"rule": two, "from": "now+1h", "to": "now+2h"}).json()
    by = {"id": made["id"], "to": made["to"], "why": "deploy", "created_by": None}

    def silenced() -> dict[str, dict[str, Any] | None]:
        return {one["group"]["host"]: one["silenced"] for one in _get(server, rule="two")["alerts"]}

    until(lambda: silenced() == {"a": None, "b": by}, "the silence is seen")
    for one in (made, planned):
        assert ask(server, "DELETE", f"{SILENCES}/{one['id']}").status == 200
    until(lambda: not any(silenced().values()), "it has ended")
    # Maintenance holds all day.
    record(server, _alert(two, ("m1",), "two", stage=AlertStage.FIRING, fired_us=1))
    until(lambda: "m1" in silenced(), "it is seen")
    found = {host: one and one["id"] for host, one in silenced().items()}
    assert found == {"a": None, "b": None, "m1": "maintenance-0"}


def test_what_happened(server: Server) -> None:
    made = make_rule(server, name="past", condition={"threshold": 1}, group_by=["host"])["rule_id"]
    events = [
        Event(at_us=_START_US + n, rule_id=made, rule="past", group=("a",), what="firing", value=n, why=f"why {n}")
        for n in range(5)
    ]
    record(server, events=events)
    first = _get(server, f"{ALERTS}/history", rule="past", limit=3)
    assert [one["why"] for one in first["events"]] == ["why 4", "why 3", "why 2"]
    number = first["next_before"]
    assert first["events"][-1] == {
        "number": number,
        "time": "2026-11-27T00:00:00.000002Z",
        "rule_id": made,
        "rule": "past",
        "group": {"host": "a"},
        "what": "firing",
        "value": 2.0,
        "why": "why 2",
        "by": None,
    }
    rest = _get(server, f"{ALERTS}/history", rule=made, limit=3, before=number)
    assert ([one["why"] for one in rest["events"]], rest["next_before"]) == (["why 1", "why 0"], None)
    assert _get(server, f"{ALERTS}/history")["events"][0]["rule"] == "past"
    assert _code(ask(server, "GET", f"{ALERTS}/history?rule=nobody")) == (404, "not_found", "")
    assert _get(server, f"{ALERTS}/history", rule="0" * 12) == {"events": [], "next_before": None}


def test_who_was_told(server: Server, rule_id: str) -> None:
    path = f"{ALERTS}/deliveries"
    names = {"waiting": "w/1", "delivered": "d 1", "refused": "r-1", "failed": "f-1"}
    record(server, deliveries=[_delivery(name, status, rule_id) for status, name in names.items()])
    dead = _get(server, path, status="refused,failed")["deliveries"]
    assert [one["id"] for one in dead] == ["f-1", "r-1"]
    assert dead[0] == {
        "number": dead[0]["number"],
        "id": "f-1",
        "rule_id": rule_id,
        "rule": "pay",
        "group": {"service": "cart", "host": "a"},
        "target": "webhook h.example",
        "action": {"type": "webhook", "url": "https://h.example/…", "secret": "env:ALERT_A", "headers": {"A": "…"}},
        "firing": True,
        "value": 7.0,
        "status": "failed",
        "made": "2026-11-27T00:00:00.000Z",
        "settled": "2026-11-27T00:00:00.000001Z",
        "attempts": [
            {
                "time": "2026-11-27T00:00:00.000Z",
                "seconds": 0.25,
                "result": "failed",
                "status": 404,
                "error": "it said no",
            }
        ],
    }
    every = _get(server, path, rule="pay", limit=3)
    assert len(every["deliveries"]) == 3
    assert len(_get(server, path, rule="pay", before=every["next_before"])["deliveries"]) == 1
    assert "hush" not in str(_get(server, path))
    again = ask(server, "POST", f"{path}/f-1/retry")
    assert (again.status, again.json()["status"], again.json()["settled"]) == (200, "waiting", None)
    assert [one["id"] for one in _get(server, path, status="failed")["deliveries"]] == []
    assert _get(server, f"{ALERTS}/history", rule="pay")["events"][0]["what"] == "retried"
    assert _code(ask(server, "POST", f"{path}/f-1/retry")) == (409, "conflict", "")
    assert _code(ask(server, "POST", f"{path}/w%2F1/retry")) == (409, "conflict", "")
    assert _code(ask(server, "POST", f"{path}/nobody/retry")) == (404, "not_found", "")


def test_who_may_do_what(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor,api") as server:
        search, admin = token(server.data_dir, "search"), token(server.data_dir, "admin")
        ingest, cart = token(server.data_dir, "ingest"), token(server.data_dir, "search", "--service", "cart")
        until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
        alert = _alert(_GONE, (), rule="gone", stage=AlertStage.FIRING, fired_us=1)
        record(server, alert, deliveries=[_delivery("d", "failed", _GONE)])
        for path in (ALERTS, f"{ALERTS}/history", f"{ALERTS}/deliveries"):
            for one, status in ((search, 200), (admin, 200), (ingest, 403), (cart, 403)):
                assert ask(server, "GET", path, None, one).status == status
        samples = [ask(server, "GET", ALERTS, None, one).json()["alerts"][0]["samples"] for one in (search, admin)]
        assert samples == [[_SAMPLE], []]
        for one in (ingest, cart):
            assert ask(server, "POST", _ACK, {"rule": "gone"}, one).status == 403
            assert ask(server, "DELETE", f"{_ACK}?rule={_GONE}", None, one).status == 403
            assert ask(server, "POST", f"{ALERTS}/deliveries/d/retry", None, one).status == 403
        cared = ask(server, "POST", _ACK, {"rule": "gone"}, admin).json()
        assert (cared["acknowledged"]["by"], cared["samples"]) == ("test", [])
        assert ask(server, "DELETE", f"{_ACK}?rule={_GONE}", None, search).status == 200
        assert ask(server, "POST", f"{ALERTS}/deliveries/d/retry", None, admin).status == 200
        events = ask(server, "GET", f"{ALERTS}/history", None, search).json()["events"]
        assert [(one["what"], one["by"]) for one in events] == [
            ("retried", "test"), ("unacknowledged", "test"), ("acknowledged", "test")
        ]  # fmt: skip


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor,api") as server:
        assert _get(server) == {"alerts": [], "total": 0, "counts": {"pending": 0, "firing": 0, "resolved": 0}}
        assert _get(server, f"{ALERTS}/history") == {"events": [], "next_before": None}
        assert _get(server, f"{ALERTS}/deliveries") == {"deliveries": [], "next_before": None}
        assert _code(ask(server, "POST", _ACK, {"rule": "x"})) == (404, "not_found", "")
        assert _code(ask(server, "POST", f"{ALERTS}/deliveries/x/retry")) == (404, "not_found", "")
        assert not (server.data_dir / "catalog.db").exists()
