"""E-mail to a real SMTP server that takes it, or doesn't."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from logd.alerts.notify.attempts import Outcome, Result
from logd.alerts.notify.notification import Notification, Other
from logd.alerts.notify.notifier import Notifier
from logd.alerts.rules import Action
from logd.config.alerting import Notify, Smtp
from tests.support.receivers import MovedClock, notification

NOTHING: Mapping[str, str] = {}
ONCALL = ["a@example.org", "b@example.org"]


class Mails:
    """Takes mails; `said` are other answers, by recipient or by command, each given once."""

    def __init__(self, **said: str) -> None:
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.said = {name.replace("_", "@") + (".org" if "_" in name else ""): text for name, text in said.items()}
        self.logins: list[tuple[str, str, bool]] = []
        self.connections = 0

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.said:
            return self.said.pop(address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "data" in self.said:
            return self.said.pop("data")
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((list(envelope.rcpt_tos), message))
        return "250 OK"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode(), session.ssl is not None))
        return AuthResult(success=data.password == b"s3cr3t-password", handled=False)


class Server(Controller):
    """With TLS from the first byte, unless it is for STARTTLS."""

    def __init__(self, mails: Mails, tls: ssl.SSLContext | None, starttls: bool, login: bool) -> None:
        self._mails = mails
        with_tls = tls is not None and starttls
        super().__init__(
            mails,
            hostname="127.0.0.1",
            port=0,
            ready_timeout=120.0,
            server_hostname="mail.example.org",
            ssl_context=None if starttls else tls,
            tls_context=tls if with_tls else None,
            require_starttls=with_tls,
            authenticator=mails.login if login else None,
            auth_required=login and with_tls,
            auth_require_tls=with_tls,
        )

    def factory(self) -> SMTP:
        self._mails.connections += 1
        made: SMTP = super().factory()  # type: ignore[no-untyped-call]
        return made

    def _trigger_server(self) -> None:
        """One connection, which makes the first of the protocols, now that the port is known."""
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        socket.create_connection(("127.0.0.1", self.port), 120).close()


@contextmanager
def serving(
    mails: Mails, tls: ssl.SSLContext | None = None, starttls: bool = True, login: bool = False
) -> Iterator[int]:
    """The port, on which a thread serves."""
    server = Server(mails, tls, starttls, login)
    server.start()
    mails.connections = 0
    try:
        yield server.port
    finally:
        server.stop()


async def sent(
    port: int,
    told: Notification | None = None,
    environ: Mapping[str, str] = NOTHING,
    **settings: Any,
) -> Outcome:
    smtp = {"tls": "none", "sender": "logd@example.org"} | settings.pop("smtp", {})
    notify = Notify(
        **{"timeout_seconds": 120.0, "give_up_seconds": 125.0} | settings,
        smtp=Smtp(address=f"127.0.0.1:{port}", **smtp),
    )
    return await Notifier(notify, environ, None, MovedClock()).deliver(
        Action(type="email", to=ONCALL), told or notification()
    )


def certificates(folder: Path) -> tuple[ssl.SSLContext, str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, str(folder / "ca.pem")


async def test_a_mail() -> None:
    mails = Mails()
    told = notification(rule="Zahlung schlägt fehl\nBcc: evil@example.org", description="<b>Wichtig</b>")
    with serving(mails) as port:
        outcome = await sent(port, told)
    assert outcome.result is Result.DELIVERED
    assert (outcome.attempts[0].status, outcome.error) == (250, "")
    ((to, message),) = mails.taken
    assert to == ONCALL
    assert message["To"] == "a@example.org, b@example.org"
    assert message["From"] == "logd@example.org"
    assert message["Subject"] == (
        "firing: Zahlung schlägt fehl Bcc: evil@example.org (service payment, metadata.region eu)"
    )
    assert message["Bcc"] is None
    assert message["Message-ID"] == f"<{told.key}@example.org>"
    assert message["In-Reply-To"] is None
    assert message["Auto-Submitted"] == "auto-generated"
    text, page = (part.get_content() for part in message.iter_parts())
    for shown in ("count is 123 > 100 in 5 min", "card <refused>", told.link, told.runbook, "<b>Wichtig</b>"):
        assert shown in text
    for shown in ("count is 123 &gt; 100 in 5 min", "card &lt;refused&gt;", "&lt;b&gt;Wichtig&lt;/b&gt;"):
        assert shown in page
    assert "<a href='https://logs.example.org/search?q=service%3Apayment&amp;from=1'>" in page
    assert "<b>Wichtig" not in page


async def test_a_mail_of_several_groups() -> None:
    mails = Mails()
    other = Other(group={"service": "<cart>"}, firing=False, value=0.0, started_us=0)
    with serving(mails) as port:
        await sent(port, notification(others=[other], more=2))
    ((_, message),) = mails.taken
    # A long one begins on a line of its own.
    assert message["Subject"].strip() == "firing: Payment errors (service payment, metadata.region eu) and 3 more"
    text, page = (part.get_content() for part in message.iter_parts())
    assert "resolved: service <cart>, count is 0\r\nand 2 more\r\n" in text
    assert "<ul><li>resolved: service &lt;cart&gt;, count is 0</li><li>and 2 more</li></ul>" in page


async def test_its_end_is_an_answer_to_it() -> None:
    mails = Mails()
    with serving(mails) as port:
        for told in (
            notification(),
            notification(number=1),
            notification(firing=False, ended_us=1_700_000_300_000_000),
        ):
            assert (await sent(port, told)).result is Result.DELIVERED
    first, again, over = (message for _, message in mails.taken)
    assert len({first["Message-ID"], again["Message-ID"], over["Message-ID"]}) == 3
    assert again["In-Reply-To"] == over["In-Reply-To"] == over["References"] == first["Message-ID"]
    assert over["Subject"].startswith("resolved: ")


async def test_a_link_that_is_code() -> None:
    mails = Mails()
    with serving(mails) as port:
        await sent(port, notification(link="javascript:alert(1)", runbook="see 'the' wiki"))
    _, page = (part.get_content() for part in mails.taken[0][1].iter_parts())
    assert "<a " not in page


async def test_again_after_a_moment() -> None:
    mails = Mails(data="451 try again")
    with serving(mails) as port:
        outcome = await sent(port)
    assert [attempt.status for attempt in outcome.attempts] == [451, 250]
    assert outcome.attempts[0].error == "it answered 451: try again"
    assert len(mails.taken) == 1


async def test_a_refusal_is_final() -> None:
    mails = Mails(data="554 no thanks")
    with serving(mails) as port:
        outcome = await sent(port)
    assert (outcome.result, outcome.error) == (Result.REFUSED, "it answered 554: no thanks")
    assert mails.connections == 1


async def test_who_has_it_does_not_get_it_again() -> None:
    mails = Mails(b_example="450 greylisted")
    with serving(mails) as port:
        outcome = await sent(port)
    assert [(attempt.result, attempt.error) for attempt in outcome.attempts] == [
        (Result.FAILED, "not accepted for b@example.org: 450 greylisted"),
        (Result.DELIVERED, ""),
    ]
    assert [to for to, _ in mails.taken] == [["a@example.org"], ["b@example.org"]]
    assert mails.taken[0][1]["Message-ID"] == mails.taken[1][1]["Message-ID"]


async def test_one_that_does_not_exist() -> None:
    mails = Mails(b_example="550 nobody here")
    with serving(mails) as port:
        outcome = await sent(port)
    assert (outcome.result, outcome.error) == (
        Result.REFUSED,
        "not accepted for b@example.org: 550 nobody here",
    )
    assert [to for to, _ in mails.taken] == [["a@example.org"]]


async def test_none_of_them_now_and_one_of_them_never() -> None:
    mails = Mails(a_example="450 later", b_example="550 nobody here")
    with serving(mails) as port:
        outcome = await sent(port)
    assert [attempt.result for attempt in outcome.attempts] == [Result.FAILED, Result.REFUSED]
    assert [to for to, _ in mails.taken] == [["a@example.org"]]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_login_over_tls(tls: str, tmp_path: Path) -> None:
    context, authority = certificates(tmp_path)
    (tmp_path / "password").write_text("s3cr3t-password\n")
    mails = Mails()
    smtp = {"tls": tls, "user": "logd", "password_file": str(tmp_path / "password")}
    with serving(mails, context, starttls=tls == "starttls", login=True) as port:
        outcome = await sent(port, tls_ca=authority, smtp=smtp)
    assert outcome.result is Result.DELIVERED, outcome
    assert mails.logins[0][:2] == ("logd", "s3cr3t-password")
    assert len(mails.taken) == 1


async def test_a_wrong_password(tmp_path: Path) -> None:
    context, authority = certificates(tmp_path)
    mails = Mails()
    environ = {"LOGD_SMTP_PASSWORD": "s3cr3t-wrong"}
    with serving(mails, context, login=True) as port:
        outcome = await sent(port, environ=environ, tls_ca=authority, smtp={"tls": "starttls", "user": "logd"})
    assert outcome.result is Result.REFUSED
    assert outcome.error.startswith("it answered 535: ")
    assert "s3cr3t" not in repr(outcome)
    assert mails.taken == []


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_of_somebody_else(tls: str, tmp_path: Path) -> None:
    context, _ = certificates(tmp_path)
    mails = Mails()
    with serving(mails, context, starttls=tls == "starttls", login=True) as port:
        outcome = await sent(port, smtp={"tls": tls, "user": "logd"}, environ={"LOGD_SMTP_PASSWORD": "s3cr3t"})
    assert outcome.result is Result.FAILED
    assert "certificate" in outcome.error
    assert (mails.logins, mails.taken) == ([], [])


async def test_a_server_without_tls_gets_neither_mail_nor_password() -> None:
    mails = Mails()
    with serving(mails) as port:
        outcome = await sent(port, smtp={"tls": "starttls", "user": "logd"}, environ={"LOGD_SMTP_PASSWORD": "s3cr3t"})
    assert outcome.result is Result.FAILED
    assert "STARTTLS" in outcome.error
    assert (mails.logins, mails.taken) == ([], [])


async def test_a_server_that_hangs_or_is_none() -> None:
    over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await sent(port, timeout_seconds=0.2, give_up_seconds=2.5)
        assert outcome.result is Result.FAILED
        over.set()
    outcome = await sent(port)
    assert outcome.result is Result.FAILED
    assert "the mail can't be sent: " in outcome.error
