"""Slack's incoming webhooks, with blocks. The URL is the secret."""

from __future__ import annotations

from typing import Any

from logd.alerts.notify.notification import Notification, cut, facts, is_link, line_text, measured, others_text, title
from logd.alerts.notify.request import Request, json_request
from logd.alerts.rules import Action

#: Slack's own limits: of a header, of the fields of a section and of each, of a section's text.
_HEADER, _FIELDS, _FIELD, _TEXT = 150, 10, 2_000, 3_000
_SIGNS = {
    "critical": ":rotating_light:",
    "error": ":red_circle:",
    "warning": ":warning:",
    "info": ":information_source:",
}


def request(action: Action, told: Notification) -> Request:
    """The same for every attempt; Slack has no keys by which it would leave out what it has seen."""
    return json_request(
        action.url, {"text": _escaped(f"{title(told)}: {measured(told)}", _TEXT), "blocks": _blocks(told)}
    )


def _blocks(told: Notification) -> list[dict[str, Any]]:
    sign = _SIGNS.get(told.severity, "") if told.firing else ":white_check_mark:"
    heading = cut(f"{sign} {title(told)}".strip(), _HEADER)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": heading, "emoji": True}}]
    if told.description:
        blocks.append(_section(_escaped(told.description, _TEXT)))
    fields = [f"*{_escaped(name, 200)}*\n{_escaped(value, 1_000)}" for name, value in facts(told)[:_FIELDS]]
    blocks.append({"type": "section", "fields": [{"type": "mrkdwn", "text": cut(text, _FIELD)} for text in fields]})
    if others := others_text(told):
        share = (_TEXT - 10) // len(others) - 1
        blocks.append(_section("\n".join(_escaped(text, share) for text in others)))
    if told.lines:
        # Each has its share, so that the fence at the end stays.
        share = (_TEXT - 10) // len(told.lines) - 1
        lines = "\n".join(_escaped(line_text(line).replace("```", "'''"), share) for line in told.lines)
        blocks.append(_section(f"```\n{lines}\n```"))
    links = [("Open the search", told.link), ("Runbook", told.runbook)]
    shown = " · ".join(_linked(name, link) for name, link in links if link)
    if shown:
        blocks.append(_section(shown))
    return blocks


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _linked(name: str, link: str) -> str:
    if is_link(link) and len(_replaced(link)) < _TEXT // 3:
        return f"<{_replaced(link).replace('|', '%7C')}|{name}>"
    return f"{name}: {_escaped(link, _TEXT // 3)}"


def _escaped(text: str, characters: int) -> str:
    """Text in which nothing is a mention or a link to Slack, in at most so many characters."""
    text = cut(text, characters)
    while len(escaped := _replaced(text)) > characters:
        text = cut(text, len(text) - max(1, (len(escaped) - characters) // 5))
    return escaped


def _replaced(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
