"""What is secret in an action: where it is taken from, how the action is shown, and what is left out of messages.

in a rule      {type = "webhook", url = "file:/etc/logd/secrets/hook", headers = {Authorization = "env:ALERT_AUTH"}}
shown          the same; what is written out where a reference could be is hidden
used           read for each attempt, so that a new secret counts at once
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

import msgspec

from logd.alerts.rules import Action
from logd.config.globs import compile_globs
from logd.config.secrets import follow, is_reference

HIDDEN = "…"
#: A message with all of its a's replaced would hide nothing but itself; nobody's secret is so short.
_LEAST_HIDDEN = 4


class Used(msgspec.Struct, frozen=True):
    """An action with its secrets, and the texts that no message may have in it."""

    action: Action
    hidden: Sequence[str]

    def __repr__(self) -> str:
        return f"Used({self.action.type})"

    def hide(self, text: str) -> str:
        """The text without them."""
        for secret in self.hidden:
            text = text.replace(secret, HIDDEN)
        return text


class References:
    """Which may be used: whoever may write rules could else have any file of the machine sent to himself."""

    def __init__(self, globs: Sequence[str]) -> None:
        """Raises ValueError for a wrong one."""
        self._allowed = compile_globs("alerts.notify.secrets", globs)

    def allowed(self, reference: str) -> bool:
        """Whether a glob names it, and it is a path without `..` if it is one."""
        kind, _, name = reference.partition(":")
        if kind == "file" and (not name.startswith("/") or os.path.normpath(name) != name or "\0" in name):
            return False
        return self._allowed is not None and self._allowed.fullmatch(reference) is not None


def fields(action: Action) -> Sequence[tuple[str, str]]:
    """What may be a reference, by where it is: `url`, `headers.Authorization`."""
    named = [(name, getattr(action, name)) for name in ("url", "secret", "routing_key")]
    return [*named, *((f"headers.{name}", value) for name, value in action.headers.items())]


def used(action: Action, environ: Mapping[str, str]) -> Used:
    """Reads what the references lead to; blocks. Raises ConfigError."""

    def value(key: str, text: str) -> str:
        return follow(f"the action's {key}", text, environ) if is_reference(text) else text

    found = {key: value(key, text) for key, text in fields(action)}
    headers = {name: found[f"headers.{name}"] for name in action.headers}
    known = msgspec.structs.replace(
        action, url=found["url"], secret=found["secret"], routing_key=found["routing_key"], headers=headers
    )
    return Used(known, _spellings(known))


def _spellings(action: Action) -> Sequence[str]:
    """Of everything that is hidden, as it may come back in an error or an answer; the longest first."""
    secrets = {action.secret, action.routing_key}
    for value in action.headers.values():
        secrets |= {value, *value.split()}  # `Bearer abc` comes back as `abc`
    if action.url:
        path = beyond_host(action.url)
        secrets |= {action.url, path, path.partition("?")[0], *path.replace("?", "&").split("&")[1:]}
        secrets |= {part for part in path.partition("?")[0].split("/") if len(part) >= 2 * _LEAST_HIDDEN}
    spelled = {
        form
        for text in secrets
        for form in (text, json.dumps(text)[1:-1], quote(text, errors="replace"), quote(text, "", errors="replace"))
    }
    return sorted((text for text in spelled if len(text) >= _LEAST_HIDDEN), key=len, reverse=True)


def beyond_host(url: str) -> str:
    """Path and query of a URL, from its slash; the whole of what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    start = len(parts.scheme) + len("://") + len(parts.netloc)
    return url[start:] if parts.scheme and parts.netloc else url
