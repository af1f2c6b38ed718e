"""What an alert rule says, as it is in a file, in the catalog and in the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1, max_length=1_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
#: A day's window has buckets of 720 s.
Seconds = Annotated[int, Meta(ge=1, le=7 * 86_400)]
Aggregation = Literal[
    "count",
    "rate",
    "ratio",
    "distinct",
    "avg",
    "min",
    "max",
    "sum",
    "p50",
    "p90",
    "p95",
    "p99",
    "spike",
    "absence",
    "new_value",
    "new_pattern",
    "composite",
]
Compared = Literal[">", ">=", "<", "<="]
Severity = Literal["critical", "error", "warning", "info"]
#: The name of no field: a message's template, see logd/patterns.
PATTERN = "pattern"
#: What each aggregation can't do without, and what else only it and some others take.
NEEDS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("count", "rate", "ratio", "spike"), ("threshold",)),
    **dict.fromkeys(("distinct", "avg", "min", "max", "sum", "p50", "p90", "p95", "p99"), ("threshold", "field")),
    "absence": (),
    "new_value": ("field",),
    "new_pattern": (),
    "composite": ("conditions",),
}
TAKES: Mapping[str, Sequence[str]] = {
    **{name: ("compare",) for name, needs in NEEDS.items() if "threshold" in needs},
    "ratio": ("compare", "of"),
    "absence": ("of",),
    "spike": ("compare", "against", "at_least"),
    "composite": ("match",),
}
#: What all of them take.
OF_ALL = ("aggregation", "query", "service", "level", "host", "window_seconds")


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a rule is true of a group: the aggregation of the records of the last `window_seconds` that match `query`,
    `service`, `level` and `host` (commas part several, see query.values), compared with the threshold.

    "count" is how many there are, "rate" how many a second, "ratio" how many of those of the services and hosts that
    match `of` (all, unless told) also match the query and the levels, from 0 to 1, "distinct" how many different values
    `field` has; "avg" and the others are of the numbers in `field`. "spike" is how many times as many there are as in
    the window `against` (the previous one, unless told), where these were `at_least` so many. "absence": a group that
    had records has none any more, while it has some that match `of`, if that is told: it is alive then. "new_value" and
    "new_pattern": `field` has a value, or the message a template, that it had not before. "composite": `all` (unless
    told) or `any` of the `conditions` are true, for the same group, in the composite's window; which records it says
    holds for each of them."""

    aggregation: Aggregation = "count"
    query: Annotated[str, Meta(max_length=10_000)] = ""
    service: str = ""
    level: str = ""
    host: str = ""
    threshold: float | None = None
    compare: Compared = ">"
    window_seconds: Seconds = 300
    field: str = ""
    of: Annotated[str, Meta(max_length=10_000)] | None = None
    against: Literal["previous", "last_week"] | None = None
    at_least: Annotated[float, Meta(ge=0)] | None = None
    match: Literal["all", "any"] | None = None
    conditions: Annotated[list[Condition], Meta(max_length=10)] = []


ActionType = Literal["webhook", "slack", "pagerduty", "alertmanager", "email"]
ACTION_NEEDS: Mapping[ActionType, Sequence[str]] = {
    "webhook": ("url",),
    "slack": ("url",),
    "pagerduty": ("routing_key",),
    "alertmanager": ("url",),
    "email": ("to",),
}
ACTION_TAKES: Mapping[ActionType, Sequence[str]] = {
    "webhook": ("body", "headers", "secret"),
    "slack": (),
    "pagerduty": ("url",),
    "alertmanager": ("headers",),
    "email": (),
}


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is told. `url`, `secret`, `routing_key` and values of headers may be `env:NAME` or `file:PATH`. `body` is a
    template of a webhook's body, `secret` the key of its signature; PagerDuty has a `routing_key`, and a `url` where it
    isn't the usual one; e-mail has addresses `to`."""

    type: ActionType
    url: Annotated[str, Meta(max_length=2_000)] = ""
    body: Annotated[str, Meta(max_length=50_000)] = ""
    headers: Annotated[dict[str, str], Meta(max_length=50)] = {}
    secret: str = ""
    routing_key: str = ""
    to: Annotated[list[Text], Meta(max_length=50)] = []

    def __repr__(self) -> str:
        return f"Action({self.type})"  # the rest may be secret


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule. Its groups are the values of the fields `group_by`. It fires once its condition has been true `for` so
    many seconds, and is told again after `cooldown_seconds` at the earliest. `action` is one, `actions` are several."""

    name: Name
    condition: Condition
    action: Action | None = None
    actions: Annotated[list[Action], Meta(max_length=10)] = []
    group_by: Annotated[list[Text], Meta(max_length=3)] = []
    for_seconds: Annotated[int, Meta(ge=0, le=86_400)] = msgspec.field(default=0, name="for")
    cooldown_seconds: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 600
    severity: Severity = "error"
    labels: Annotated[dict[Name, Text], Meta(max_length=50)] = {}
    runbook: Annotated[str, Meta(max_length=2_000)] = ""
    description: Annotated[str, Meta(max_length=10_000)] = ""
    enabled: bool = True
    max_groups: Annotated[int, Meta(ge=1, le=100_000)] = 10_000

    @property
    def group_names(self) -> Sequence[str]:
        """What each value of a group is of."""
        return group_names(self.group_by, self.condition.aggregation, self.condition.field)

    @property
    def targets(self) -> Sequence[Action]:
        """Who is told, all of them."""
        return self.actions if self.action is None else [self.action]


def group_names(group_by: Sequence[str], aggregation: str, field: str) -> Sequence[str]:
    """Of a rule: what is new tells a group apart too."""
    match aggregation:
        case "new_value":
            return [*group_by, field]
        case "new_pattern":
            return [*group_by, PATTERN]
    return group_by
