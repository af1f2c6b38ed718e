"""Secrets of actions: read for each attempt, and nowhere to be seen."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from logd.alerts.notify.attempts import Attempt, Result
from logd.alerts.notify.checks import check
from logd.alerts.notify.notifier import Notifier
from logd.alerts.notify.secrets import References, used
from logd.alerts.rules import Action
from logd.alerts.shown import hidden_action
from logd.config.alerting import Notify, Smtp
from logd.errors import BadRequest, ConfigError
from tests.support.receivers import MovedClock, Receiver, answers, notification, resets

SECRETS = {"ALERT_KEY": "s3cr3t-key", "ALERT_AUTH": "Bearer s3cr3t-token", "ALERT_ROUTE": 's3cr3t"routé'}
BODY = '{"a": "{{title}}"}'


async def echoes(request: web.BaseRequest) -> web.StreamResponse:
    """Refuses with all that it was told."""
    said = f"{request.url} {request.raw_path} {dict(request.headers)} "
    return web.Response(status=400, body=said.encode() + await request.read())


def actions(port: int, url: str) -> list[Action]:
    auth = {"Authorization": "env:ALERT_AUTH"}
    return [
        Action(type="webhook", url=url, secret="env:ALERT_KEY", headers=auth),
        Action(type="webhook", url=url, headers={"X-Token": "s3cr3t-literal"}, body=BODY),
        Action(type="slack", url=url),
        Action(type="pagerduty", url=f"http://127.0.0.1:{port}/", routing_key="env:ALERT_ROUTE"),
        Action(type="alertmanager", url=f"http://127.0.0.1:{port}/s3cr3t-prefix?k=s3cr3t-q", headers=auth),
    ]


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("by", ["literal", "reference"])
@pytest.mark.parametrize("answer", [echoes, resets, answers(302, Location="http://s3cr3t-other/")])
async def test_nothing_of_them_is_seen(kind: int, by: str, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Receiver(answer) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/services/s3cr3t-path/x?token=s3cr3t%2Fquery&b=s3cr3t-b"
        action = actions(receiver.port, url if by == "literal" else "env:ALERT_URL")[kind]
        settings = Notify(allow=["127.0.0.1"], give_up_seconds=125.0, timeout_seconds=120.0, breaker_failures=1)
        seen: list[object] = []
        sender = Notifier(settings, SECRETS | {"ALERT_URL": url}, None, MovedClock())
        outcome = await sender.deliver(action, notification(), seen.append)
        known = used(action, SECRETS | {"ALERT_URL": url})
    assert receiver.received
    assert outcome.result is (Result.FAILED if answer is resets else Result.REFUSED)
    everything = [outcome, seen, action, known, known.action, caplog.text, _shown(action)]
    for what in everything:
        assert "s3cr3t" not in repr(what)
    assert b"s3cr3t" not in msgspec.json.encode([outcome, _shown(action)])


async def test_not_even_a_part_of_one_is_seen() -> None:
    pads = iter(range(250, 320))

    async def says(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=400, text="x" * next(pads) + "s3cr3t-literal")

    async with Receiver(says) as receiver:
        action = Action(type="webhook", url=receiver.url, headers={"X-Token": "s3cr3t-literal"})
        sender = Notifier(Notify(allow=["127.0.0.1"], timeout_seconds=120.0), {}, None, MovedClock())
        for _ in range(250, 320):
            assert "s3c" not in repr(await sender.deliver(action, notification()))


async def test_they_are_read_for_each_attempt(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")

    async def rotates(request: web.BaseRequest) -> web.StreamResponse:
        file.write_text("second\n")
        return web.Response(status=500)

    async with Receiver(rotates, answers(204)) as receiver:
        action = Action(type="webhook", url=receiver.url, headers={"X-Key": f"file:{file}"})
        settings = Notify(allow=["127.0.0.1"], secrets=[f"file:{tmp_path}/*"], timeout_seconds=120.0)
        outcome = await Notifier(settings, {}, None, MovedClock()).deliver(action, notification())
    assert outcome.result is Result.DELIVERED
    assert [received.headers["X-Key"] for received in receiver.received] == ["first", "second"]


async def test_one_that_is_not_there_may_come(tmp_path: Path) -> None:
    file = tmp_path / "url"
    settings = Notify(allow=["127.0.0.1"], secrets=[f"file:{tmp_path}/*"], timeout_seconds=120.0)
    async with Receiver() as receiver:

        def appears(attempt: Attempt) -> None:
            file.write_text(receiver.url)

        outcome = await Notifier(settings, {}, None, MovedClock()).deliver(
            Action(type="webhook", url=f"file:{file}"),
            notification(),
            appears,
        )
    assert [attempt.result for attempt in outcome.attempts] == [Result.FAILED, Result.DELIVERED]
    assert outcome.attempts[0].error.endswith("can't be read: no such file or directory")


@pytest.mark.parametrize("value", ["http://user:s3cr3t@example.org/", "s3cr3t", "http://0x7f.1/s3cr3t", "file:s3cr3t"])
async def test_a_url_that_is_none(value: str) -> None:
    outcome = await Notifier(Notify(), {"ALERT_URL": value}, None, MovedClock()).deliver(
        Action(type="slack", url="env:ALERT_URL"), notification()
    )
    assert outcome.result is Result.REFUSED
    assert outcome.error.startswith("the action's url can't be used: ")
    assert "s3cr3t" not in repr(outcome)


async def test_a_header_that_breaks_the_line() -> None:
    async with Receiver() as receiver:
        action = Action(type="webhook", url=receiver.url, headers={"X-A": "env:ALERT_A"})
        outcome = await Notifier(
            Notify(allow=["127.0.0.1"]), {"ALERT_A": "s3cr3t\r\nX-B: c"}, None, MovedClock()
        ).deliver(action, notification())
    assert outcome.result is Result.REFUSED
    assert receiver.received == []
    assert "s3cr3t" not in repr(outcome)


@pytest.mark.parametrize(
    ("globs", "reference", "allowed"),
    [
        (["env:ALERT_*"], "env:ALERT_X", True),
        (["env:ALERT_*"], "env:HOME", False),
        (["env:ALERT_*"], "file:/env:ALERT_X", False),
        (["file:/etc/logd/secrets/*"], "file:/etc/logd/secrets/a", True),
        (["file:/etc/logd/secrets/*"], "file:/etc/logd/secrets/../../shadow", False),
        (["file:/etc/logd/secrets/*"], "file:/etc/logd/secrets/./a", False),
        (["file:/etc/logd/secrets/*"], "file:/etc/shadow", False),
        (["file:*"], "file:etc/shadow", False),
        (["file:*"], "file:/etc/\0", False),
        ([], "env:ALERT_X", False),
    ],
)
def test_which_references_may_be_used(globs: list[str], reference: str, allowed: bool) -> None:
    assert References(globs).allowed(reference) is allowed


def test_what_is_empty_or_missing() -> None:
    for environ in ({}, {"ALERT_X": ""}):
        with pytest.raises(ConfigError, match=r"the action's url is env:ALERT_X, which is empty or isn't there"):
            used(Action(type="slack", url="env:ALERT_X"), environ)


def _shown(action: Action) -> dict[str, Any]:
    return hidden_action(msgspec.to_builtins(action))


def test_as_the_api_shows_it() -> None:
    action = Action(
        type="webhook", url="https://a.example.org/b?c=d", secret="env:ALERT_KEY", headers={"A": "b", "C": "file:/d"}
    )
    assert _shown(action) == msgspec.to_builtins(action) | {
        "url": "https://a.example.org/…",
        "headers": {"A": "…", "C": "file:/d"},
    }
    urls = ["", "https://a.example.org", "https://a.example.org/", "env:X", "https://u:p@a.example.org/x", "x/y?z"]
    found = [_shown(Action(type="slack", url=url))["url"] for url in urls]
    assert found == ["", "https://a.example.org", "https://a.example.org/", "env:X", "…", "…"]


@pytest.mark.parametrize(
    ("settings", "where", "reason"),
    [
        ({"type": "webhook"}, "url", "is missing, webhook needs one"),
        ({"type": "slack"}, "url", "is missing"),
        ({"type": "pagerduty"}, "routing_key", "is missing"),
        ({"type": "pagerduty", "routing_key": "s3cr3t"}, "routing_key", "expected where it is, env:NAME or file:/PATH"),
        ({"type": "webhook", "url": "http://a/", "secret": "s3cr3t"}, "secret", "is a secret"),
        (
            {"type": "webhook", "url": "http://a/", "secret": "env:HOME"},
            "secret",
            "is env:HOME, which alerts.notify",
        ),
        ({"type": "webhook", "url": "http://a/…"}, "url", "is what was shown"),
        ({"type": "webhook", "url": "ftp://s3cr3t/"}, "url", "can't be used: a URL begins with http:// or https://"),
        ({"type": "webhook", "url": "http://127.1/"}, "url", "can't be used: no host, or no port, in the URL, or an "),
        ({"type": "webhook", "url": "http://a/", "body": "{{"}, "body", "can't be used: '{{' is no {{name}}"),
        (
            {"type": "webhook", "url": "http://a/", "headers": {"Host": "b"}},
            "headers",
            "has 'Host', which isn't the name",
        ),
        (
            {"type": "webhook", "url": "http://a/", "headers": {"a b": "b"}},
            "headers",
            "has 'a b', which isn't the name",
        ),
        ({"type": "webhook", "url": "http://a/", "headers": {"a": "s3cr3t\n"}}, "headers.a", "has other characters"),
        ({"type": "webhook", "url": "http://a/", "to": ["a@b"]}, "to", "is nothing that webhook has"),
        ({"type": "slack", "url": "http://a/", "body": "{}"}, "body", "is nothing that slack has"),
        ({"type": "email"}, "to", "is missing, email needs at least one address"),
        ({"type": "email", "to": ["a@b\nBcc: c@d"]}, "to", r"has 'a@b\nBcc: c@d', expected an address such as"),
        ({"type": "email", "to": ["A <a@b>"]}, "to", "expected an address such as"),
        ({"type": "email", "to": ["a@b"], "url": "http://a/"}, "url", "is nothing that email has"),
    ],
)
def test_what_an_action_can_not_be(settings: dict[str, Any], where: str, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check(msgspec.convert(settings, Action), Notify(smtp=Smtp(address="a:25", sender="a@b")))
    assert caught.value.where == f"action.{where}"
    assert str(caught.value).startswith(f"the action's {where} ")
    assert reason in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_what_it_can_be() -> None:
    for settings in (
        {"type": "webhook", "url": "https://pagerduty.com/webhook/x", "secret": "env:ALERT_KEY", "body": BODY},
        {"type": "slack", "url": "env:ALERT_URL"},
        {"type": "pagerduty", "routing_key": "env:ALERT_KEY"},
        {"type": "alertmanager", "url": "http://am.lan:9093", "headers": {"Authorization": "env:ALERT_AUTH"}},
        {"type": "email", "to": ["on-call+pay@example.org"]},
    ):
        check(msgspec.convert(settings, Action), Notify(smtp=Smtp(address="a:25", sender="a@b")))
    with pytest.raises(BadRequest, match=r"the action's type is email, and alerts\.notify\.smtp\.address is empty"):
        check(Action(type="email", to=["a@b"]), Notify())
