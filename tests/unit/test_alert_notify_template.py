"""Bodies of webhooks: JSON, whatever values are put into them."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.notify import webhook
from logd.alerts.notify.template import Malformed, fill
from tests.support.receivers import notification

TEMPLATE = """{"text": "{{rule.name}}: {{ title }} {{value}}", "{{severity_key}}": 1, "value": {{json value}},
 "lines": {{json lines}}, "group": {{json group}}, "region": "{{group.metadata.region}}", "n": [{{json threshold}}],
 "team": {{json labels.team}}, "also": "{{json_like}}", "nobody": "{{labels.nobody}}", "ended": {{json ended_at}}}"""
TEMPLATE = TEMPLATE.replace("severity_key", "rule.severity").replace("json_like", "lines")
NAMES = ("value", "lines", "group", "region", "n", "team", "also", "nobody", "ended")
_ANY = st.text(st.characters(codec="utf-8"), max_size=20)


@given(_ANY, st.floats(), st.none() | st.floats(), st.dictionaries(_ANY, st.none() | _ANY, max_size=3), _ANY)
def test_any_value_leaves_the_shape_as_it_is(
    name: str, value: float, threshold: float | None, group: dict[str, str | None], message: str
) -> None:
    webhook.check_body(TEMPLATE)
    told = notification(
        rule=name, value=value, threshold=threshold, group=group, severity="x" + name, lines=[{"message": message}]
    )
    made = json.loads(fill(TEMPLATE, webhook.document(told)))
    assert set(made) == {"text", "x" + name, *NAMES}
    assert made["text"].startswith(f"{name}: ")
    assert made["lines"] == [{"message": message}]
    assert json.loads(made["also"]) == [{"message": message}]
    assert made["group"] == group
    assert made["value"] == (value if math.isfinite(value) else None)
    assert made["region"] == (group.get("metadata.region") or "")
    assert (made["nobody"], made["team"], made["ended"]) == ("", "pay", None)


@given(st.text())
def test_what_passes_the_check_never_fails(text: str) -> None:
    template = f'{{"a": "{text}", "b": {{{{json value}}}}}}'
    try:
        webhook.check_body(template)
    except Malformed:
        return
    for told in (notification(), notification(threshold=None, value=math.nan, group={}, labels={})):
        json.loads(fill(template, webhook.document(told)))


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ('{"a": {{title}}}', "it doesn't become JSON"),
        ('{"a": "{{json title}}"}', "it doesn't become JSON"),
        ('{"a": {{threshold}}}', "it doesn't become JSON"),
        ('{"a": "{{titel}}"}', "there is no 'titel'"),
        ('{"a": "{{rule.nobody}}"}', "there is no 'rule.nobody'"),
        ('{"a": "{{title.upper}}"}', "there is no 'title.upper'"),
        ('{"a": "{{title.__class__}}"}', "there is no 'title.__class__'"),
        ('{"a": "{{lines.0}}"}', "there is no 'lines.0'"),
        ('{"a": "{{title"}', "'{{title\"}' is no {{name}}"),
        ('{"a": "{{title()}} {{ 1 + 1 }}"}', "there is no 'title()'"),
        ('{"a": "{{tit{le}}"}', "is no {{name}}"),
        ("title", "it doesn't become JSON"),
        ("[" * 20_000 + "]" * 20_000, "nested too deeply"),
    ],
)
def test_what_will_not_do(template: str, reason: str) -> None:
    with pytest.raises(Malformed, match=re.escape(reason)):
        webhook.check_body(template)


def test_a_body_has_an_end() -> None:
    told = notification(lines=[{"message": "x" * 2_000}] * 5)
    with pytest.raises(Malformed, match="more than 524288 characters"):
        fill("[" + "{{json lines}}," * 1_000 + "0]", webhook.document(told))


def test_the_values_of_one_are_not_looked_at_again() -> None:
    document: dict[str, Any] = webhook.document(notification(rule="{{json lines}}"))
    assert json.loads(fill('["{{rule.name}}"]', document)) == ["{{json lines}}"]
