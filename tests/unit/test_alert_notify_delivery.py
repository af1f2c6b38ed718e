"""Notifications to HTTP servers that fail, hang, redirect, say too much, or aren't who they should be."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from logd.alerts.notify.attempts import Attempt, Outcome, Result
from logd.alerts.notify.notifier import Notifier
from logd.alerts.rules import Action
from logd.config.alerting import Notify
from logd.errors import ConfigError
from tests.support.receivers import MovedClock, Names, Receiver, answers, endless, notification, resets

LOCAL = ["127.0.0.1"]


def notifier(clock: MovedClock | None = None, names: Names | None = None, **settings: Any) -> Notifier:
    """One that may ask 127.0.0.1, with a limit that no busy machine reaches."""
    with_limit: dict[str, Any] = {"allow": LOCAL, "timeout_seconds": 120.0} | settings
    return Notifier(Notify(**with_limit), {}, names, clock or MovedClock())


async def delivered(receiver: Receiver, clock: MovedClock | None = None, **settings: Any) -> Outcome:
    return await notifier(clock, **settings).deliver(Action(type="webhook", url=receiver.url), notification())


def told(outcome: Outcome) -> list[tuple[Result, int | None]]:
    return [(attempt.result, attempt.status) for attempt in outcome.attempts]


async def test_a_webhook() -> None:
    async with Receiver() as receiver:
        action = Action(
            type="webhook", url=f"{receiver.url}?a=b%2Fc", secret="env:ALERT_KEY", headers={"X-Team": "env:ALERT_TEAM"}
        )
        environ = {"ALERT_KEY": "k", "ALERT_TEAM": "pay"}
        seen: list[Attempt] = []
        clock = MovedClock()
        outcome = await Notifier(Notify(allow=LOCAL), environ, None, clock).deliver(action, notification(), seen.append)
    assert outcome.result is Result.DELIVERED
    assert outcome.error == ""
    assert told(outcome) == [(Result.DELIVERED, 204)]
    assert seen == outcome.attempts
    (received,) = receiver.received
    assert received.path == "/hook?a=b%2Fc"
    assert received.headers["Idempotency-Key"] == notification().key
    assert received.headers["X-Team"] == "pay"
    assert received.headers["Content-Type"] == "application/json"
    time, _, signature = received.headers["Logd-Signature"].partition(",v1=")
    assert time == f"t={clock.now_us() // 1_000_000}"
    signed = time.removeprefix("t=").encode() + b"." + received.body
    assert signature == hmac.new(b"k", signed, hashlib.sha256).hexdigest()
    body = json.loads(received.body)
    assert body["rule"]["name"] == "Payment errors"
    assert body["group"] == {"service": "payment", "metadata.region": "eu"}
    assert body["lines"][0]["message"] == "card <refused>"


async def test_again_after_an_error_with_the_same_key() -> None:
    clock = MovedClock()
    async with Receiver(answers(500, "oops"), answers(503), answers(200)) as receiver:
        outcome = await delivered(receiver, clock)
    assert told(outcome) == [(Result.FAILED, 500), (Result.FAILED, 503), (Result.DELIVERED, 200)]
    assert outcome.attempts[0].error == "it answered 500: oops"
    assert len({received.headers["Idempotency-Key"] for received in receiver.received}) == 1
    assert len({received.body for received in receiver.received}) == 1
    assert 0.5 <= clock.waits[0] <= 1.0 <= clock.waits[1] <= 2.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
async def test_a_refusal_is_final(status: int) -> None:
    async with Receiver(answers(status, "no\nsuch team")) as receiver:
        outcome = await delivered(receiver)
    assert outcome.result is Result.REFUSED
    assert outcome.error == f"it answered {status}: no such team"
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_may_be_otherwise_the_next_time(status: int) -> None:
    async with Receiver(answers(status), answers(200)) as receiver:
        outcome = await delivered(receiver)
    assert told(outcome) == [(Result.FAILED, status), (Result.DELIVERED, 200)]


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        ("Tue, 14 Nov 2023 22:13:40 GMT", 20.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("soon", 0.0),
        ("-1", 0),
    ],
)
async def test_retry_after(retry_after: str, seconds: float) -> None:
    clock = MovedClock()
    async with Receiver(answers(429, Retry_After=retry_after), answers(200)) as receiver:
        outcome = await delivered(receiver, clock)
    assert outcome.result is Result.DELIVERED
    (waited,) = clock.waits
    assert waited == seconds if seconds else 0.5 <= waited <= 1.0


async def test_who_asks_to_come_back_too_late_is_given_up() -> None:
    clock = MovedClock()
    async with Receiver(answers(503, Retry_After="901")) as receiver:
        outcome = await delivered(receiver, clock)
    assert outcome.result is Result.FAILED
    assert outcome.error == "given up after 1 attempts: it answered 503"
    assert clock.waits == []


async def test_given_up_after_the_whole_time() -> None:
    clock = MovedClock()
    async with Receiver(answers(500)) as receiver:
        outcome = await delivered(receiver, clock, give_up_seconds=200.0, breaker_failures=1_000)
    assert outcome.result is Result.FAILED
    assert len(receiver.received) == len(outcome.attempts) > 5
    assert 140 <= clock.seconds < 200
    assert max(clock.waits) <= 60
    assert outcome.error == f"given up after {len(outcome.attempts)} attempts: it answered 500"


async def test_a_target_that_hangs() -> None:
    async with Receiver() as receiver:
        receiver.then(receiver.hangs)
        outcome = await delivered(receiver, timeout_seconds=0.2, give_up_seconds=2.5)
    assert outcome.result is Result.FAILED
    assert outcome.error.endswith(": no answer within 0.2 s")
    assert all(attempt.status is None and attempt.seconds > 0.1 for attempt in outcome.attempts)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with Receiver() as other, Receiver(answers(status, Location=other.url)) as receiver:
        outcome = await delivered(receiver)
    assert outcome.result is Result.REFUSED
    assert outcome.error == f"it answered {status}, and redirects aren't followed"
    assert (other.connections, receiver.connections) == (0, 1)


async def test_an_answer_without_an_end() -> None:
    async with Receiver(endless(500), endless(200)) as receiver:
        outcome = await delivered(receiver)
    assert told(outcome) == [(Result.FAILED, 500), (Result.DELIVERED, 200)]
    assert len(outcome.attempts[0].error) < 400


async def test_the_status_counts_when_the_rest_never_comes() -> None:
    over = asyncio.Event()

    async def stalls(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=404)
        await response.prepare(request)
        await response.write(b"no such t")
        await over.wait()
        return response

    async with Receiver(stalls) as receiver:
        outcome = await delivered(receiver)
        over.set()
    assert (outcome.result, outcome.error) == (Result.REFUSED, "it answered 404: no such t")


async def test_a_head_without_an_end() -> None:
    async with Receiver(answers(200, X_A="a" * 100_000), answers(200)) as receiver:
        outcome = await delivered(receiver)
    assert told(outcome) == [(Result.FAILED, None), (Result.DELIVERED, 200)]
    assert len(outcome.attempts[0].error) < 400


async def test_a_connection_that_breaks() -> None:
    async with Receiver(resets, answers(200)) as receiver:
        outcome = await delivered(receiver)
    assert told(outcome) == [(Result.FAILED, None), (Result.DELIVERED, 200)]
    assert outcome.attempts[0].error.startswith("it can't be reached: ")


async def test_nobody_there() -> None:
    async with Receiver() as receiver:
        pass
    outcome = await delivered(receiver, give_up_seconds=130.0)
    assert outcome.result is Result.FAILED
    assert "it can't be reached: " in outcome.error


async def test_private_addresses_are_not_asked() -> None:
    async with Receiver() as receiver:
        action = Action(type="webhook", url=receiver.url)
        outcome = await notifier(allow=[]).deliver(action, notification())
        named = Action(type="webhook", url=f"http://localhost:{receiver.port}/")
        by_name = await notifier(allow=[]).deliver(named, notification())
    assert receiver.connections == 0
    for one in (outcome, by_name):
        assert one.result is Result.REFUSED
        assert len(one.attempts) == 1
        assert "is not public, and not allowed by alerts.notify.allow" in one.error


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "255.255.255.255", "224.0.0.1", "10.0.0.1"),
        *("::", "::1", "fd00:ec2::254", "fe80::1", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
    ],
)
async def test_neither_by_address_nor_by_name(address: str) -> None:
    literal = f"[{ipaddress.ip_address(address)}]" if ":" in address else address
    for host, names in ((literal, None), ("metadata.example", Names([address]))):
        action = Action(type="slack", url=f"http://{host}:1/")
        outcome = await notifier(names=names).deliver(action, notification())
        assert outcome.result is Result.REFUSED
        assert "is not public, and not allowed" in outcome.error, outcome


async def test_a_name_that_is_allowed_may_have_any_address() -> None:
    async with Receiver() as receiver:
        action = Action(type="webhook", url=f"http://hooks.lan.example:{receiver.port}/")
        outcome = await notifier(names=Names(["127.0.0.1"]), allow=["*.lan.example"]).deliver(action, notification())
    assert outcome.result is Result.DELIVERED


async def test_a_name_whose_address_changes_between_looking_and_connecting() -> None:
    # 127.0.0.1 stands for a public address, 127.0.0.2 for one that must not be asked.
    async with Receiver() as good, Receiver(host="127.0.0.2", port=good.port) as bad:
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        sender, action = notifier(names=names), Action(type="webhook", url=f"http://rebind.example:{good.port}/")
        first = await sender.deliver(action, notification())
        assert (first.result, names.asked) == (Result.DELIVERED, 1)
        second = await sender.deliver(action, notification())
        assert (second.result, names.asked) == (Result.REFUSED, 2)
        assert "rebind.example has the address 127.0.0.2, which is not public" in second.error
    assert (good.connections, bad.connections) == (1, 0)


@pytest.mark.parametrize("forbidden", ["127.0.0.2", "::ffff:127.0.0.2", "::1"])
async def test_of_several_addresses_only_those_that_may_be_asked(forbidden: str) -> None:
    async with Receiver() as good, Receiver(host="127.0.0.2", port=good.port) as bad:
        action = Action(type="webhook", url=f"http://both.example:{good.port}/")
        outcome = await notifier(names=Names([forbidden, "127.0.0.1"])).deliver(action, notification())
    assert outcome.result is Result.DELIVERED
    assert (good.connections, bad.connections) == (1, 0)


@pytest.mark.parametrize("name", ["127.0.0.1", "hooks.example.org"])
async def test_a_certificate_of_somebody_else(name: str, tmp_path: Path) -> None:
    ours, other = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = (other if name == "127.0.0.1" else ours).issue_cert(name)
    receiver = Receiver()
    receiver.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(receiver.tls)
    async with receiver:
        outcome = await delivered(receiver, tls_ca=str(tmp_path / "ca.pem"), give_up_seconds=121.0)
    assert outcome.result is Result.FAILED
    assert "its certificate can't be trusted: " in outcome.error
    assert receiver.received == []


async def test_an_authority_of_our_own(tmp_path: Path) -> None:
    ours = trustme.CA()
    ours.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    receiver = Receiver()
    receiver.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.issue_cert("127.0.0.1").configure_cert(receiver.tls)
    async with receiver:
        assert (await delivered(receiver, tls_ca=str(tmp_path / "ca.pem"))).result is Result.DELIVERED


async def test_an_authority_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be used: no such file"):
        notifier(tls_ca=str(tmp_path / "ca.pem"))


async def test_tls_where_there_is_none() -> None:
    async with Receiver() as receiver:
        action = Action(type="webhook", url=receiver.url.replace("http:", "https:"))
        outcome = await notifier(give_up_seconds=121.0).deliver(action, notification())
    assert outcome.result is Result.FAILED
    assert receiver.received == []


async def test_the_breaker_opens_and_closes() -> None:
    clock = MovedClock()
    sender = notifier(clock, breaker_failures=3, breaker_seconds=300.0)
    async with Receiver(*[answers(500)] * 4, answers(204)) as receiver:
        action = Action(type="webhook", url=receiver.url)
        outcome = await sender.deliver(action, notification())
        at = [attempt.at_us / 1e6 for attempt in outcome.attempts]
        assert told(outcome) == [(Result.FAILED, 500)] * 4 + [(Result.DELIVERED, 204)]
        assert at[2] - at[0] < 5
        assert at[3] - at[2] == pytest.approx(300, abs=0.1)
        assert at[4] - at[3] == pytest.approx(300, abs=0.1)
        before = clock.seconds
        assert (await sender.deliver(action, notification())).result is Result.DELIVERED
        assert clock.seconds == before


async def test_others_are_not_asked_while_it_is_open() -> None:
    clock = MovedClock()
    sender = notifier(clock, breaker_failures=2, breaker_seconds=400.0, give_up_seconds=300.0)
    async with Receiver(answers(500)) as receiver, Receiver() as other:
        action = Action(type="webhook", url=receiver.url)
        assert (await sender.deliver(action, notification())).result is Result.FAILED
        assert len(receiver.received) == 2
        outcome = await sender.deliver(action, notification(rule_id="r2"))
        assert outcome.result is Result.FAILED
        assert outcome.attempts == []
        assert "has failed too often, and is left alone" in outcome.error
        assert len(receiver.received) == 2
        working = await sender.deliver(Action(type="webhook", url=other.url), notification())
        assert working.result is Result.DELIVERED


async def test_so_many_at_a_time_at_one_target() -> None:
    async with Receiver() as receiver:
        receiver.then(receiver.hangs)
        sender, action = notifier(concurrency=2, breaker_failures=1_000), Action(type="webhook", url=receiver.url)
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(sender.deliver(action, notification(rule_id=f"r{number}")))
            await receiver.reached(2)
            async with Receiver() as other:
                # Others aren't held up by it.
                outcome = await sender.deliver(Action(type="webhook", url=other.url), notification())
                assert outcome.result is Result.DELIVERED
            receiver.then(answers(204))
            receiver.release()
        assert receiver.most_at_once == 2
        assert {received.headers["Idempotency-Key"] for received in receiver.received} == {
            notification(rule_id=f"r{number}").key for number in range(6)
        }


async def test_no_cookie_comes_back() -> None:
    async with Receiver(answers(500, Set_Cookie="a=b"), answers(200)) as receiver:
        await delivered(receiver)
    assert [received.headers.get("Cookie") for received in receiver.received] == [None, None]


async def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as receiver, Receiver() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert (await delivered(receiver)).result is Result.DELIVERED
    assert proxy.connections == 0


async def test_a_delivery_can_be_cancelled() -> None:
    async with Receiver() as receiver:
        receiver.then(receiver.hangs)
        task = asyncio.create_task(delivered(receiver))
        await receiver.reached(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_is_no_http_answer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        action = Action(type="webhook", url=f"http://127.0.0.1:{port}/")
        outcome = await notifier(give_up_seconds=121.0).deliver(action, notification())
    assert outcome.result is Result.FAILED
    assert outcome.attempts[0].error.startswith("it doesn't answer with HTTP: ")


async def test_a_body_of_ones_own() -> None:
    async with Receiver() as receiver:
        body = '{"msg": "{{title}}", "n": {{json value}}}'
        action = Action(type="webhook", url=receiver.url, body=body, headers={"content-type": "application/x"})
        assert (await notifier().deliver(action, notification())).result is Result.DELIVERED
    (received,) = receiver.received
    assert json.loads(received.body) == {
        "msg": "firing: Payment errors (service payment, metadata.region eu)",
        "n": 123.0,
    }
    assert received.headers.get("content-type", received.headers.get("Content-Type")) == "application/x"
