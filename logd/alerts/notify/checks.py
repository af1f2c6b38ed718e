"""Whether an action can do anything at all: said when a rule is written, and again before it is delivered."""

from __future__ import annotations

import re
from collections.abc import Callable

from logd.alerts.notify import webhook
from logd.alerts.notify.addresses import parse_target
from logd.alerts.notify.secrets import HIDDEN, References, fields
from logd.alerts.notify.template import Malformed
from logd.alerts.rules import Action
from logd.config.address import is_mail_address
from logd.config.alerting import Notify
from logd.config.secrets import is_reference
from logd.errors import BadRequest

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_HEADER_VALUE = re.compile(r"[\t -~]*")
#: What belongs to the connection, or is ours to say.
_OURS = frozenset(
    [
        "host",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "upgrade",
        "expect",
        "te",
        "trailer",
        "cookie",
        "proxy-authorization",
        "proxy-connection",
        "idempotency-key",
        "logd-signature",
    ]
)
_WITH_URL = ("webhook", "slack", "alertmanager")


def check(action: Action, settings: Notify) -> None:
    """Raises BadRequest, with the place in the action and no secret. What references lead to isn't looked at."""
    references = References(settings.secrets)
    for key, text in fields(action):
        if HIDDEN in text:
            raise _wrong(key, "is what was shown, not what was hidden: expected a reference or the value itself")
        if is_reference(text) and not references.allowed(text):
            raise _wrong(key, f"is {text}, which alerts.notify.secrets doesn't name")
    for key in ("secret", "routing_key"):
        text = getattr(action, key)
        if text and not is_reference(text):
            raise _wrong(key, "is a secret: expected where it is, env:NAME or file:/PATH")
    _needs(action, settings)
    for name, value in action.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise _wrong("headers", f"has {name!r}, which isn't the name of a header that can be set")
        if not _HEADER_VALUE.fullmatch(value):
            raise _wrong(f"headers.{name}", "has other characters than those of visible ASCII")
    if action.url and not is_reference(action.url):
        _said("url", lambda: parse_target(action.url))
    if action.body:
        _said("body", lambda: webhook.check_body(action.body))


def _needs(action: Action, settings: Notify) -> None:
    """What the kind can't do without, and what it doesn't know."""
    if action.type in _WITH_URL and not action.url:
        raise _wrong("url", f"is missing, {action.type} needs one")
    if action.type == "pagerduty" and not action.routing_key:
        raise _wrong("routing_key", "is missing, pagerduty needs one")
    takes = {"webhook": ("body", "secret"), "pagerduty": ("routing_key",), "email": ("to",)}.get(action.type, ())
    for key in ("body", "secret", "routing_key", "to"):
        if getattr(action, key) and key not in takes:
            raise _wrong(key, f"is nothing that {action.type} has")
    if action.type == "email":
        if not settings.smtp.address:
            raise _wrong("type", "is email, and alerts.notify.smtp.address is empty")
        if not action.to:
            raise _wrong("to", "is missing, email needs at least one address")
        if action.url or action.headers:
            raise _wrong("url" if action.url else "headers", "is nothing that email has")
        for to in action.to:
            if not is_mail_address(to):
                raise _wrong("to", f"has {to!r}, expected an address such as oncall@example.org")


def _said(key: str, call: Callable[[], object]) -> None:
    try:
        call()
    except (Malformed, ValueError) as error:
        raise _wrong(key, f"can't be used: {error}") from None


def _wrong(key: str, what: str) -> BadRequest:
    return BadRequest("bad_action", f"the action's {key} {what}", f"action.{key}")
