"""What the answers and bodies of alerts that fire, of their history and of deliveries look like, for OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from logd.alerts.rules import Action
from logd.seams import MAX_WHY_CHARACTERS

State = Literal["pending", "firing", "resolved"]
Status = Literal["waiting", "delivered", "refused", "failed"]
_Group = dict[str, str | None]


class Acknowledged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who cares for it, if a token says who that is."""

    by: str | None
    why: str
    time: str


class SilencedBy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The silence, or maintenance, because of which nobody is told; of several, the one that ends last."""

    id: str
    to: str
    why: str
    created_by: str | None


class Alert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of a rule whose condition is true, or was lately. `group` has the values by the rule's fields, or by 1, 2
    … where the rule has had others since, or is gone. The `value` is that of the window that ended `at` that time, null
    where it has none. `since` is when the condition became true; `told` is how often people were told, `held` why they
    aren't when they should be: a word as silenced or inhibited."""

    rule_id: str
    rule: str
    group: _Group
    severity: str
    labels: dict[str, str]
    state: State
    value: float | None
    at: str
    since: str
    fired: str | None
    ended: str | None
    told: int
    told_at: str | None
    held: str | None
    acknowledged: Acknowledged | None
    silenced: SilencedBy | None
    samples: list[dict[str, Any]]


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many there are of each state."""

    pending: int
    firing: int
    resolved: int


class AlertList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those that fired last come first, then pending ones; `total` is how many match, `counts` are of all."""

    alerts: list[Alert]
    total: int
    counts: Counts


class ToAcknowledge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What fires: of a rule, by its id or name, the group, as the list has it. A rule of which one group fires needn't
    have it named."""

    rule: Annotated[str, Meta(min_length=1)]
    group: _Group | UnsetType = UNSET
    why: Annotated[str, Meta(max_length=MAX_WHY_CHARACTERS)] = ""


class TakenBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An acknowledgement that there was, of what fires since `fired`."""

    rule_id: str
    rule: str
    group: _Group
    fired: str
    by: str | None
    why: str
    time: str


class TakenBackList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    acknowledgements: list[TakenBack]


class AlertEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened to an alert: `what` is a word as firing, resolved, silenced, acknowledged or retried."""

    number: int
    time: str
    rule_id: str
    rule: str
    group: _Group
    what: str
    value: float | None
    why: str
    by: str | None


class AlertHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest first. `next_before` leads to the next page; it is null on the last one."""

    events: list[AlertEvent]
    next_before: int | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One try to deliver. `status` is that of HTTP or SMTP, where there was an answer."""

    time: str | None
    seconds: float | None
    result: str | None
    status: int | None
    error: str


class AlertDelivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to one target, and every attempt that was made: of `firing`, or of its end. The `action` is shown as a
    rule's, without secrets. One that was refused, or failed until it was given up, is a dead letter."""

    id: str
    rule_id: str
    rule: str
    group: _Group
    target: str
    action: Action
    firing: bool | None
    value: float | None
    status: Status
    made: str
    settled: str | None
    attempts: list[Attempt]


class NumberedDelivery(AlertDelivery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, with its place in the list."""

    number: int


class AlertDeliveries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As AlertHistory."""

    deliveries: list[NumberedDelivery]
    next_before: int | None
