"""E-mail: one message to all who are told, as text and as HTML, by the configured SMTP server.

Message-ID is made of the notification's key, so that who gets a message twice sees it once; what comes after the first
message of a firing is an answer to it. Who was accepted in one attempt isn't sent to in the next."""

from __future__ import annotations

import html
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib

from logd.alerts.notify.attempts import Answered, Result
from logd.alerts.notify.notification import (
    Notification,
    cut,
    facts,
    is_link,
    line_text,
    measured,
    one_line,
    others_text,
    time_text,
    title,
)
from logd.config.address import parse_address
from logd.config.alerting import Smtp

#: A line of a mail has 998 characters at most; a subject is read in a list.
_SUBJECT_CHARACTERS = 200
#: How long a server has to say goodbye.
_QUIT_SECONDS = 2.0
#: Of what a server says.
_SAID_CHARACTERS = 1_000


class Mail:
    """One notification on its way to several addresses."""

    def __init__(self, settings: Smtp, told: Notification, to: Sequence[str]) -> None:
        self._settings = settings
        self._message = message(told, settings.sender, to)
        #: Those who don't have it yet, and those who will never get it, with the reason.
        self._left = list(dict.fromkeys(to))
        self._refused: dict[str, tuple[int, str]] = {}
        #: What was said for those who are left.
        self._later: Mapping[str, tuple[int, str]] = {}

    async def deliver(self, tls: ssl.SSLContext, password: str, within_seconds: float) -> Answered:
        """One try, to those who don't have it; each step of it within the time."""
        settings = self._settings
        host, port = parse_address(settings.address)
        client = aiosmtplib.SMTP(
            hostname=host,
            port=port,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=tls if settings.tls != "none" else None,
            username=settings.user or None,
            password=password if settings.user else None,
            local_hostname=socket.gethostname() or "localhost",
            timeout=within_seconds,
        )
        try:
            if self._left:
                await client.connect()
                await self._send(client)
            return self._outcome()
        except aiosmtplib.SMTPRecipientsRefused as error:
            return self._note({each.recipient: (each.code, each.message) for each in error.recipients})
        except aiosmtplib.SMTPResponseException as error:
            final = 500 <= error.code < 600
            said = f"it answered {error.code}: {_short(error.message)}"
            return Answered(Result.REFUSED if final else Result.FAILED, error.code, said, healthy=final)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return Answered(Result.FAILED, error=f"the mail can't be sent: {_reason(error)}", healthy=False)
        finally:
            client.close()

    async def _send(self, client: aiosmtplib.SMTP) -> None:
        errors, _ = await client.send_message(self._message, sender=self._settings.sender, recipients=self._left)
        self._note({address: (code, said) for address, (code, said) in errors.items()})
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=_QUIT_SECONDS)

    def _note(self, errors: Mapping[str, tuple[int, str]]) -> Answered:
        """All who are not in `errors` have it."""
        self._refused |= {address: error for address, error in errors.items() if error[0] >= 500}
        self._left = [address for address in self._left if address in errors and address not in self._refused]
        self._later = errors
        return self._outcome()

    def _outcome(self) -> Answered:
        if self._left:
            return Answered(Result.FAILED, *_told({address: self._later[address] for address in self._left}))
        if self._refused:
            return Answered(Result.REFUSED, *_told(self._refused))
        return Answered(Result.DELIVERED, 250)


def _told(errors: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    said = "; ".join(f"{address}: {code} {_short(text)}" for address, (code, text) in errors.items())
    return next(iter(errors.values()))[0], f"not accepted for {said}"


def _reason(error: Exception) -> str:
    """With what led to it: aiosmtplib's own message says where, not why."""
    said = [str(error)]
    cause = error.__cause__
    while cause is not None:
        said.append(str(getattr(cause, "strerror", None) or cause or type(cause).__name__))
        cause = cause.__cause__
    return _short(", ".join(text for text in dict.fromkeys(said) if text))


def _short(text: str) -> str:
    return cut(one_line(text), _SAID_CHARACTERS)


def message(told: Notification, sender: str, to: Sequence[str]) -> EmailMessage:
    """The same for every attempt."""
    domain = sender.rpartition("@")[2]
    first = f"<{told.firing_key}-firing-0@{domain}>"
    made = EmailMessage(policy=SMTP)
    made["From"] = sender
    made["To"] = ", ".join(to)
    made["Subject"] = cut(title(told), _SUBJECT_CHARACTERS)
    made["Date"] = datetime.fromtimestamp(told.made_us / 1e6, UTC)
    made["Message-ID"] = f"<{told.key}@{domain}>"
    if made["Message-ID"] != first and not told.test:
        made["In-Reply-To"] = made["References"] = first
    # Nobody's holiday notice comes back.
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(_text(told))
    made.add_alternative(_html(told), subtype="html")
    return made


def _text(told: Notification) -> str:
    parts = [title(told), told.description, "\n".join(f"{name}: {one_line(value)}" for name, value in facts(told))]
    parts.append("\n".join(others_text(told)))
    parts.append("\n".join(line_text(line) for line in told.lines))
    parts += [f"{name}: {link}" for name, link in _links(told)]
    parts.append(f"rule {told.rule_id}, {time_text(told.made_us)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(told: Notification) -> str:
    rows = "".join(
        f"<tr><th align='left'>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in facts(told)
    )
    others = "".join(f"<li>{html.escape(text)}</li>" for text in others_text(told))
    lines = html.escape("\n".join(line_text(line) for line in told.lines))
    links = "".join(f"<p>{_linked(name, link)}</p>" for name, link in _links(told))
    return (
        f"<html><body><h2>{html.escape(title(told))}</h2><p>{html.escape(told.description)}</p>"
        f"<p><b>{html.escape(measured(told))}</b></p><table>{rows}</table>"
        f"{f'<ul>{others}</ul>' if others else ''}"
        f"{f'<pre>{lines}</pre>' if lines else ''}{links}</body></html>\n"
    )


def _links(told: Notification) -> Sequence[tuple[str, str]]:
    return [(name, link) for name, link in (("Search", told.link), ("Runbook", told.runbook)) if link]


def _linked(name: str, link: str) -> str:
    shown = html.escape(link)
    return f"{name}: <a href='{shown}'>{shown}</a>" if is_link(link) else f"{name}: {shown}"
