"""What each kind of action sends."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.notify import alertmanager, pagerduty, slack, webhook
from logd.alerts.notify.notification import (
    Notification,
    Other,
    lasting,
    measured,
    number,
    others_text,
    samples,
    time_text,
    title,
)
from logd.alerts.rules import Action
from tests.support.receivers import notification

_LONG = [sign * 4_000 for sign in ("x", "<", "&", "`", "\n")]
_ANY = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(_LONG)
_TOLD = st.builds(
    notification,
    rule=st.text(min_size=1, max_size=200),
    description=_ANY.map(lambda text: f"d{text}"),
    severity=st.sampled_from(["critical", "error", "warning", "info"]),
    labels=st.dictionaries(_ANY, _ANY, max_size=12),
    runbook=_ANY | st.just("https://wiki.example.org/" + "<" * 2_000),
    group=st.dictionaries(_ANY, st.none() | _ANY, max_size=3),
    firing=st.booleans(),
    value=st.floats(),
    threshold=st.none() | st.floats(),
    ended_us=st.none() | st.integers(0, 2 * 10**15),
    lines=st.lists(st.fixed_dictionaries({"message": _ANY}), max_size=5),
    link=st.just("") | st.just("https://logs.example.org/?q=<a>|b&c"),
    others=st.lists(
        st.builds(
            Other,
            group=st.dictionaries(_ANY, st.none() | _ANY, max_size=3),
            firing=st.booleans(),
            value=st.floats(),
            started_us=st.integers(0, 2 * 10**15),
        ),
        max_size=20,
    ),
    more=st.integers(0, 1_000_000),
)
_OTHERS = [
    Other(group={"service": "cart", "metadata.region": None}, firing=True, value=7.0, started_us=0),
    Other(group={"service": "shop", "metadata.region": "eu"}, firing=False, value=0.5, started_us=0),
]
_OTHERS_TEXT = (
    "firing: service cart, metadata.region (none), count is 7\nresolved: service shop, metadata.region eu, count is 0.5"
)


def ended(**changes: Any) -> Notification:
    return notification(firing=False, ended_us=1_700_000_300_000_000, value=3.0, **changes)


def test_keys() -> None:
    first = notification()
    assert first.key == notification(value=200.0, made_us=1, lines=[]).key == f"{first.firing_key}-firing-0"
    assert ended().firing_key == first.firing_key
    others = [
        *(ended(), notification(number=1), notification(rule_id="r2"), notification(started_us=5)),
        *(notification(group={"service": "payment"}), notification(group={}), notification(group={"service": None})),
        notification(group={"service": 'payment", "x'}),
    ]
    assert len({told.key for told in (first, *others)}) == len(others) + 1


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (number(123.0), "123"),
        (number(0.04166666), "0.0416667"),
        (number(-1e300), "-1e+300"),
        (number(float("nan")), "nan"),
        (number(float("inf")), "inf"),
        (lasting(300), "5 min"),
        (lasting(90), "90 s"),
        (lasting(86_400), "1 d"),
        (lasting(7_200), "2 h"),
        (time_text(1_700_000_000_123_456), "2023-11-14T22:13:20.123Z"),
        (time_text(-1), "1969-12-31T23:59:59.999Z"),
        (title(notification()), "firing: Payment errors (service payment, metadata.region eu)"),
        (title(ended(rule="a\nb", group={"x": None})), "resolved: a b (x (none))"),
        (measured(notification()), "count is 123 > 100 in 5 min"),
        (measured(notification(threshold=None)), "count is 123 in 5 min"),
        (measured(ended()), "count is 3, fires > 100, in 5 min"),
    ],
)
def test_words(made: str, text: str) -> None:
    assert made == text


def test_other_groups_are_named() -> None:
    told = notification(others=_OTHERS, more=5)
    assert title(told) == "firing: Payment errors (service payment, metadata.region eu) and 7 more"
    assert "\n".join(others_text(told)) == f"{_OTHERS_TEXT}\nand 5 more"
    assert told.key == notification().key
    document = webhook.document(told)
    assert document["others"][0] == {
        "status": "firing",
        "group": {"service": "cart", "metadata.region": None},
        "value": 7.0,
        "started_at": "1970-01-01T00:00:00.000Z",
    }
    assert (document["more"], document["others_text"]) == (5, f"{_OTHERS_TEXT}\nand 5 more")
    blocks = json.loads(slack.request(Action(type="slack", url="https://hooks.slack.com/x"), told).body)["blocks"]
    assert f"{_OTHERS_TEXT}\nand 5 more" in [block["text"]["text"] for block in blocks if "text" in block]


def test_samples_are_few_and_short() -> None:
    record = {"message": "m" * 9_000, "level": None, "metadata": {"a": 1}}
    assert samples([record] * 9) == [{"message": "m" * 1_999 + "…", "metadata": {"a": 1}}] * 5
    assert samples([{"message": "m", "metadata": {"a": "x" * 3_000}}]) == [{"message": "m"}]


def _sent(kind: str, told: Notification) -> Any:
    action = Action(type="webhook", url="https://t.example.org/", routing_key="k")
    match kind:
        case "webhook":
            body = webhook.request(action, told, 0).body
        case "slack":
            body = slack.request(action, told).body
        case "pagerduty":
            body = pagerduty.request(action, told).body
        case _:
            body = alertmanager.request(action, told).body
    return json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@given(_TOLD)
def test_slack_takes_it(told: Notification) -> None:
    sent = _sent("slack", told)
    texts = [sent["text"]]
    for block in sent["blocks"]:
        assert 1 <= len(block.get("text", {}).get("text", "x")) <= (150 if block["type"] == "header" else 3_000)
        fields = block.get("fields", [])
        assert len(fields) <= 10
        assert all(1 <= len(field["text"]) <= 2_000 for field in fields)
        texts += [field["text"] for field in fields]
        if block["type"] == "section":
            texts.append(block.get("text", {}).get("text", ""))
    for text in texts:
        # Nothing is a mention, and no `&` is anything but itself.
        assert re.findall(r"<(?!https?://)", text) == []
        assert re.findall(r"&(?!(amp|lt|gt);)", text) == [] or "&am" in text[-5:]
    fence = next((text for text in texts if text.startswith("```")), None)
    assert (fence is None) == (not told.lines)
    assert fence is None or (fence.count("```") == 2 and fence.endswith("```"))


def test_slack() -> None:
    assert _sent("slack", notification()) == {
        "text": "firing: Payment errors (service payment, metadata.region eu): count is 123 &gt; 100 in 5 min",
        "blocks": [
            {
                "type": "header",
                "text": {
                    "type": "plain_text",
                    "text": ":rotating_light: firing: Payment errors (service payment, metadata.region eu)",
                    "emoji": True,
                },
            },
            {"type": "section", "text": {"type": "mrkdwn", "text": "Customers can't pay."}},
            {
                "type": "section",
                "fields": [
                    {"type": "mrkdwn", "text": "*Severity*\ncritical"},
                    {"type": "mrkdwn", "text": "*Value*\ncount is 123 &gt; 100 in 5 min"},
                    {"type": "mrkdwn", "text": "*service*\npayment"},
                    {"type": "mrkdwn", "text": "*metadata.region*\neu"},
                    {"type": "mrkdwn", "text": "*Started*\n2023-11-14T22:13:20.000Z"},
                    {"type": "mrkdwn", "text": "*team*\npay"},
                ],
            },
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": "```\n2023-11-14T22:13:20.000Z ERROR payment card &lt;refused&gt;\n```",
                },
            },
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": "<https://logs.example.org/search?q=service%3Apayment&amp;from=1|Open the search>"
                    " · <https://wiki.example.org/pay|Runbook>",
                },
            },
        ],
    }


@given(_TOLD)
def test_pagerduty_takes_it(told: Notification) -> None:
    sent = _sent("pagerduty", told)
    assert sent["dedup_key"] == told.firing_key
    assert sent["event_action"] == ("trigger" if told.firing else "resolve")
    if told.firing:
        payload = sent["payload"]
        assert 1 <= len(payload["summary"]) <= 1_024
        assert payload["source"]
        assert payload["severity"] in ("critical", "error", "warning", "info")
    assert len(json.dumps(sent)) < 512 * 1024


def test_pagerduty() -> None:
    sent = _sent("pagerduty", notification())
    payload = sent["payload"]
    assert payload["summary"] == f"{title(notification())}: {measured(notification())}"
    assert (payload["source"], payload["component"], payload["class"]) == ("payment", "payment", "count")
    assert payload["custom_details"]["lines"] == ["2023-11-14T22:13:20.000Z ERROR payment card <refused>"]
    assert [link["href"] for link in sent["links"]] == [notification().link, notification().runbook]
    assert _sent("pagerduty", ended()) == {
        "routing_key": "k",
        "event_action": "resolve",
        "dedup_key": notification().firing_key,
    }
    assert pagerduty.request(Action(type="pagerduty"), ended()).url == "https://events.pagerduty.com/v2/enqueue"


@given(_TOLD)
def test_alertmanager_takes_it(told: Notification) -> None:
    (alert,) = _sent("alertmanager", told)
    assert alert["startsAt"] <= alert["endsAt"]
    assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) and value for name, value in alert["labels"].items())
    assert alert["labels"]["alertname"] == told.rule


def test_alertmanager() -> None:
    (alert,) = _sent("alertmanager", notification())
    labels = {"alertname": "Payment errors", "rule_id": "r1", "severity": "critical", "team": "pay"}
    assert alert["labels"] == labels | {"service": "payment", "metadata_region": "eu"}
    assert alert["annotations"]["value"] == "count is 123 > 100 in 5 min"
    assert (alert["startsAt"], alert["endsAt"]) == ("2023-11-14T22:13:20.000Z", "2023-11-21T22:14:20.000Z")
    assert alert["generatorURL"] == notification().link
    (over,) = _sent("alertmanager", ended())
    assert over["labels"] == alert["labels"]
    assert over["endsAt"] == "2023-11-14T22:18:20.000Z"


def test_groups_stay_apart_in_alertmanager() -> None:
    told = notification(group={"severity": "a", "team": None, "0x": "b"}, labels={"team": "pay"})
    (alert,) = _sent("alertmanager", told)
    assert alert["labels"] == {
        "alertname": "Payment errors",
        "rule_id": "r1",
        "severity": "critical",
        "team": "pay",
        "group_severity": "a",
        "_0x": "b",
    }


@pytest.mark.parametrize("url", ["http://am:9093", "http://am:9093/", "http://am:9093/api/v2/alerts"])
def test_the_url_of_alertmanager(url: str) -> None:
    request = alertmanager.request(Action(type="alertmanager", url=url), notification())
    assert request.url == "http://am:9093/api/v2/alerts"


@given(_TOLD)
def test_webhooks_have_all_of_it(told: Notification) -> None:
    sent = _sent("webhook", told)
    assert sent["key"] == told.key
    assert sent["lines"] == [dict(line) for line in told.lines]
    assert sent["group"] == told.group


def test_odd_values_of_records() -> None:
    told = notification(lines=[{"n": 2**70, "f": float("inf"), "s": "\ud800"}], value=float("nan"))
    sent = _sent("webhook", told)
    assert (sent["value"], sent["lines"][0]["n"], sent["lines"][0]["f"]) == (None, 2**70, None)


def test_a_notification_can_be_kept() -> None:
    told = notification()
    assert msgspec.json.decode(msgspec.json.encode(told), type=Notification).key == told.key
