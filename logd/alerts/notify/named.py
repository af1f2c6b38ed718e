"""What the target of an action is called: by the program, for limits and for who was told, and by people."""

from __future__ import annotations

import hashlib
import json

from logd.alerts.rules import Action
from logd.alerts.shown import hidden_url
from logd.config.secrets import is_reference

#: They make an alert of each group on their own, by its key.
_BY_GROUP = ("pagerduty", "alertmanager")


def by_group(action: Action) -> bool:
    """Whether it has a message for each group, as the target puts them together itself; else one says many groups."""
    return action.type in _BY_GROUP


def target_id(action: Action) -> str:
    """Of where it leads, whatever it says there: 16 hex digits. Nobody can tell a secret by it."""
    of = json.dumps([action.type, action.url, action.routing_key, action.to])
    return hashlib.sha256(of.encode(errors="replace")).hexdigest()[:16]


def target_name(action: Action) -> str:
    """For people: the kind, and where it is as far as that is no secret."""
    if action.type == "email":
        return f"email {', '.join(action.to)}"
    if action.url:
        return f"{action.type} {hidden_url(action.url)}"
    return f"{action.type} {action.routing_key}" if is_reference(action.routing_key) else action.type
