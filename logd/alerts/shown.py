"""A rule as people see it: everything that it says, defaults too, and no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from logd.alerts.notify.secrets import HIDDEN, beyond_host
from logd.alerts.reading import Wrong, WrongRule, is_reference
from logd.alerts.rules import TAKES, Action, Rule

#: Of an action, beside `url` and `headers`.
_SECRETS = ("secret", "routing_key")


def written(rule: Rule) -> dict[str, Any]:
    """What `read_rule` would make the same rule of: with the defaults, without what says nothing."""
    plain: dict[str, Any] = _without_empty(msgspec.to_builtins(rule))
    plain["condition"] = _condition(plain["condition"])
    return plain


def shown(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the API gives it: where a secret is, is shown, what it is, isn't; of an address its host."""
    found = dict(rule)
    if "action" in found:
        found["action"] = hidden_action(found["action"])
    if "actions" in found:
        found["actions"] = [hidden_action(action) for action in found["actions"]]
    return found


def unhidden(rule: Rule, before: Rule | None) -> Rule:
    """With the secrets that `before` has where this has HIDDEN: an action that is sent to the same place, which is what
    was shown, keeps what it had. Raises WrongRule where that can't be told."""
    return msgspec.structs.replace(
        rule,
        action=None if rule.action is None else _kept(rule.action, None if before is None else before.action, "action"),
        actions=[
            _kept(action, before.actions[place] if before is not None and place < len(before.actions) else None, where)
            for place, action in enumerate(rule.actions)
            for where in (f"actions[{place}]",)
        ],
    )


def _kept(action: Action, before: Action | None, where: str) -> Action:
    hiding = [name for name, text in _texts(action).items() if HIDDEN in text]
    if not hiding:
        return action
    same = before is not None and before.type == action.type
    if before is None or not same or (action.url != before.url and action.url != hidden_url(before.url)):
        raise WrongRule([_unknown(f"{where}.{hiding[0]}")])
    old = _texts(before)
    if wrong := [name for name in hiding if name not in old or _texts(action)[name] != _hidden_text(name, old[name])]:
        raise WrongRule([_unknown(f"{where}.{wrong[0]}")])
    plain = {name: getattr(before, name) for name in hiding if not name.startswith("headers.")}
    headers = {
        name: before.headers[name] if f"headers.{name}" in hiding else text for name, text in action.headers.items()
    }
    return msgspec.structs.replace(action, headers=headers, **plain)


def _unknown(where: str) -> Wrong:
    said = f"{where} is {HIDDEN}, which stands for a secret: expected the secret, or the action as it was"
    return Wrong(where, said)


def _texts(action: Action) -> dict[str, str]:
    """What may be secret, by its place."""
    headers = {f"headers.{name}": text for name, text in action.headers.items()}
    return {"url": action.url, **{name: getattr(action, name) for name in _SECRETS}, **headers}


def hidden_action(action: Mapping[str, Any]) -> dict[str, Any]:
    """An action as JSON has it, without what may be secret."""
    found = dict(action)
    for name in {"url", *_SECRETS} & set(found):
        found[name] = _hidden_text(name, found[name])
    if "headers" in found:
        found["headers"] = {name: _hidden_text("", text) for name, text in found["headers"].items()}
    return found


def _hidden_text(name: str, text: str) -> str:
    if not text or is_reference(text):
        return text
    return hidden_url(text) if name == "url" else HIDDEN


def hidden_url(text: str) -> str:
    """Whose scheme and host are shown: a hook's path is its key."""
    if is_reference(text):
        return text
    beyond = beyond_host(text)
    if "@" in text or beyond == text:
        return HIDDEN
    return text if len(beyond) < 2 else f"{text[: -len(beyond)]}/{HIDDEN}"


def _condition(plain: dict[str, Any], within: bool = False) -> dict[str, Any]:
    found = dict(plain)
    if "compare" not in TAKES.get(found["aggregation"], ()):
        found.pop("compare", None)
    if within:  # the composite's is for all
        found.pop("window_seconds", None)
    if "conditions" in found:
        found["conditions"] = [_condition(inner, within=True) for inner in found["conditions"]]
    return found


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(one) for name, one in value.items() if one is not None and one not in ("", [], {})}
    return [_without_empty(one) for one in value] if isinstance(value, list) else value
