"""A webhook's body as a rule writes it: JSON in which `{{name}}` stands for a value. Nothing in it is run.

    {"text": "{{rule.name}} is {{status}}", "value": {{json value}}, "lines": {{json lines}}}

`{{name}}` is the value as text, escaped for the inside of a JSON string; `{{json name}}` is a whole JSON value, with
its quotes. Names are those of the document (see webhook.py), with dots: `rule.name`, `group.service`, `labels.team`. A
group or label that isn't there is empty, or null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from logd.alerts.notify.request import json_text

_PLACE = re.compile(r"\{\{\s*(?P<json>json\s+)?(?P<name>[^\s{}]+)\s*\}\}")
#: Of the maps whose names are the rule's own.
_OPEN = ("group.", "rule.labels.", "labels.")
#: What receivers take in; a template can name the sample lines a thousand times.
_MOST_CHARACTERS = 512 * 1024


class Malformed(ValueError):
    """A template won't do; the message says what is wrong."""


def fill(template: str, document: Mapping[str, Any]) -> str:
    """The template with the document's values. Raises Malformed."""
    parts: list[str] = []
    size = end = 0
    for place in _PLACE.finditer(template):
        before = template[end : place.start()]
        _no_place(before)
        value = _value(document, place["name"])
        parts += (before, json_text(value) if place["json"] else json_text(_text(value))[1:-1])
        end = place.end()
        size += len(parts[-1])
        if size > _MOST_CHARACTERS:
            raise Malformed(f"the body has more than {_MOST_CHARACTERS} characters")
    _no_place(template[end:])
    return "".join([*parts, template[end:]])


def check(template: str, full: Mapping[str, Any], empty: Mapping[str, Any]) -> None:
    """That it becomes JSON with whatever values: `full` has all of them, with characters that need to be escaped, and
    `empty` as few as there can be. Raises Malformed."""
    for document in (full, empty):
        try:
            json.loads(fill(template, document))
        except Malformed:
            raise
        except ValueError as error:
            what = f"{getattr(error, 'msg', error)}".lower()
            raise Malformed(
                f"it doesn't become JSON ({what}); text goes between quotes, or is {{{{json name}}}}"
            ) from None
        except RecursionError:
            raise Malformed("it is nested too deeply") from None


def _no_place(text: str) -> None:
    if (at := text.find("{{")) >= 0:
        raise Malformed(f"{text[at : at + 30]!r} is no {{{{name}}}} or {{{{json name}}}}")


def _value(document: Mapping[str, Any], name: str) -> Any:
    value: Any = document
    rest = name
    while rest:
        opened = name[: len(name) - len(rest)] in _OPEN
        part, _, rest = (rest, "", "") if opened else rest.partition(".")
        if not isinstance(value, Mapping) or (part not in value and not opened):
            raise Malformed(f"there is no {name!r}")
        value = value.get(part)
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)
