"""Which silence holds for an alert: pure, by the silences as they are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from logd.alerts.rules import Rule
from logd.alerts.states import Group
from logd.alerts.trees import group_field
from logd.config.globs import compile_globs
from logd.seams import Silence


class _Matcher(NamedTuple):
    silence: Silence
    rule: re.Pattern[str]
    labels: Mapping[str, re.Pattern[str]]
    group: Mapping[str, re.Pattern[str]]


class Silencing:
    """Of all silences that there are."""

    def __init__(self, silences: Sequence[Silence]) -> None:
        self._matchers = [
            _Matcher(
                silence,
                _glob(silence.rule),
                {name: _glob(glob) for name, glob in silence.labels.items()},
                {_field(name): _glob(glob) for name, glob in silence.group.items()},
            )
            for silence in silences
        ]

    def of(self, rule_id: str, rule: Rule, group: Group, at_us: int) -> Silence | None:
        """That because of which nobody is told of a group at a time: of several, the one that ends last. `group` is in
        the order of the rule's `group_names`."""
        return self.of_rule(rule_id, rule, at_us).of(group)

    def of_rule(self, rule_id: str, rule: Rule, at_us: int) -> RuleSilencing:
        """The same for who asks for many groups of a rule."""
        labels = {**rule.labels, "severity": rule.severity}
        found = [
            matcher
            for matcher in self._matchers
            if matcher.silence.from_us <= at_us < matcher.silence.to_us
            and (matcher.silence.rule == rule_id or matcher.rule.fullmatch(rule.name))
            and _all(matcher.labels, labels)
        ]
        return RuleSilencing(found, [group_field(name, text=True) for name in rule.group_names])


class RuleSilencing:
    """Of the silences that may hold for groups of a rule at a time."""

    def __init__(self, matchers: Sequence[_Matcher], fields: Sequence[str]) -> None:
        self._matchers = sorted(matchers, key=lambda matcher: -matcher.silence.to_us)
        self._fields = fields

    def of(self, group: Group) -> Silence | None:
        """See Silencing.of."""
        if not self._matchers:
            return None
        values = dict(zip(self._fields, group, strict=True))
        return next((matcher.silence for matcher in self._matchers if _all(matcher.group, values)), None)


def _all(globs: Mapping[str, re.Pattern[str]], values: Mapping[str, str | None]) -> bool:
    """What isn't there matches nothing."""
    return all((value := values.get(name)) is not None and glob.fullmatch(value) for name, glob in globs.items())


def _glob(glob: str) -> re.Pattern[str]:
    found = compile_globs("a silence", [glob])
    assert found is not None
    return found


def _field(name: str) -> str:
    try:
        return group_field(name)
    except ValueError:
        return name  # which no rule is grouped by
