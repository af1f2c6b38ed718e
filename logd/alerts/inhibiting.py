"""Which alerts keep others quiet: those of a higher severity that fire for the same thing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from logd.alerts.rules import Rule
from logd.alerts.trees import group_field
from logd.query.values import listed
from logd.seams import Alert

_RANKS: Mapping[str, int] = {"info": 0, "warning": 1, "error": 2, "critical": 3}
_Names = tuple[str, ...]
_Values = tuple[str, ...]


class _Loudest(NamedTuple):
    rank: int
    rule: str


class Inhibiting:
    """Of all that fires at a moment. What two alerts are compared by is looked up once for all that have the same
    names, so that a thousand of them against a thousand are no million steps."""

    def __init__(self, names: Sequence[str], rules: Mapping[str, Rule], firing: Iterable[Alert]) -> None:
        """`firing` are those that may keep others quiet."""
        self._by: Mapping[str, str] = {name: _field(name) for name in names}
        self._rules = rules
        self._firing: dict[_Names, dict[_Values, _Loudest]] = {}
        self._common: dict[tuple[_Names, _Names], dict[_Values, _Loudest]] = {}
        for alert in firing if names else ():
            rule = rules.get(alert.rule_id)
            if rule is not None and (values := self._values(rule, alert)):
                _keep(self._firing.setdefault(tuple(values), {}), tuple(values.values()), _loud(rule))

    def by(self, rule: Rule, alert: Alert) -> str | None:
        """The name of a rule that keeps an alert quiet; None for none."""
        if not self._firing:
            return None
        values = self._values(rule, alert)
        rank = _RANKS[rule.severity]
        for names in self._firing:
            common = tuple(name for name in names if name in values)
            if not common:
                continue
            loudest = self._projected(names, common).get(tuple(values[name] for name in common))
            if loudest is not None and loudest.rank > rank:
                return loudest.rule
        return None

    def _projected(self, names: _Names, common: _Names) -> Mapping[_Values, _Loudest]:
        """Those that have these names, by the values of what is common."""
        if names == common:
            return self._firing[names]
        found = self._common.get((names, common))
        if found is None:
            found = self._common[names, common] = {}
            places = [names.index(name) for name in common]
            for values, loudest in self._firing[names].items():
                _keep(found, tuple(values[place] for place in places), loudest)
        return found

    def _values(self, rule: Rule, alert: Alert) -> dict[str, str]:
        """Of the names those that an alert has: by its group, the rule's labels, or the one service or host that the
        rule is for."""
        names = [group_field(name, text=True) for name in rule.group_names]
        group = dict(zip(names, alert.group, strict=True))
        found = {}
        for name, field in self._by.items():
            value = group.get(field)
            if value is None:
                value = rule.labels.get(name)
            if value is None and field in ("service", "host"):
                only = listed([getattr(rule.condition, field)])
                value = only[0] if len(only) == 1 else None
            if value is not None:
                found[name] = value
        return found


def _loud(rule: Rule) -> _Loudest:
    return _Loudest(_RANKS[rule.severity], rule.name)


def _keep(found: dict[_Values, _Loudest], values: _Values, loud: _Loudest) -> None:
    before = found.get(values)
    if before is None or loud > before:
        found[values] = loud


def _field(name: str) -> str:
    try:
        return group_field(name)
    except ValueError:
        return name  # a label's alone
