"""What the answers and bodies of alerts look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from logd.alerts.rules import Action, Condition, Severity
from logd.http import schemas
from logd.seams import MAX_NAME_CHARACTERS, MAX_WHY_CHARACTERS

_MOST_VERSION = 2**63 - 1
Version = Annotated[int, Meta(ge=1, le=_MOST_VERSION)]


class RuleToMake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule: see the README. `for` is in seconds, or as in 5m. Only a change may have the `version` that it replaces:
    without one, it replaces any."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]
    condition: Condition
    action: Action | UnsetType = UNSET
    actions: list[Action] | UnsetType = UNSET
    group_by: list[str] | UnsetType = UNSET
    for_: int | str | UnsetType = field(name="for", default=UNSET)
    cooldown_seconds: int | UnsetType = UNSET
    severity: Severity | UnsetType = UNSET
    labels: dict[str, str] | UnsetType = UNSET
    runbook: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    max_groups: int | UnsetType = UNSET


class ChangedRule(RuleToMake, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it anew. An action that is as it was shown keeps its secrets. What an answer has beside the rule isn't
    looked at, but for the version."""

    version: Version | UnsetType = UNSET
    rule_id: str | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET
    created: str | UnsetType = UNSET
    created_by: str | UnsetType | None = UNSET
    updated: str | UnsetType = UNSET
    updated_by: str | UnsetType | None = UNSET


class AlertRule(RuleToMake, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as it is kept, with the defaults, and `…` in the place of secrets. One that is `read_only` is in
    a `file` of the server's, and has no version; others have `created` and what follows."""

    rule_id: str
    read_only: bool
    file: str | UnsetType = UNSET
    created: str | UnsetType = UNSET
    created_by: str | UnsetType | None = UNSET
    updated: str | UnsetType = UNSET
    updated_by: str | UnsetType | None = UNSET
    version: int | UnsetType = UNSET


class RuleInTest(ChangedRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that needn't have a name. Whom it tells isn't looked at."""

    name: str | UnsetType = UNSET  # type: ignore[assignment]


class RuleToTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either a `rule`, or the `rule_id` of one that there is: its id, or its name. `from` is -24h unless told, `to`
    now; both as in a search."""

    rule: RuleInTest | UnsetType = UNSET
    rule_id: str | UnsetType = UNSET
    from_: str | int | UnsetType = field(name="from", default=UNSET)
    to: str | int | UnsetType = UNSET


class BacktestFiring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group, by its fields, fired: when; until when, null if it does at the end; the value by which it did, and the
    furthest one while it did, null for none; up to 5 records."""

    group: dict[str, str | None]
    fired: str
    resolved: str | None
    value: float | None
    peak: float | None
    samples: list[schemas.Record]


class BacktestSeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group's value at each of the `times`, null for none: of several windows the furthest."""

    group: dict[str, str | None]
    values: list[float | None]


class Backtest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What fired from `from` to `to`, and what fired at `from` already. `rule_id` is null for a rule that was sent.
    `fired` are all, of which up to 1,000 are listed, in order of time. If it was `stopped`, only windows that end by
    `upto` were looked at. `lines` are those that were read. `times` are the ends of the windows of the `series`, up to
    500, of the up to 10 groups that went furthest; of a composite the values of its first condition. `partial`: lines
    may be missing."""

    rule_id: str | None
    name: str
    from_: str = field(name="from")
    to: str
    upto: str
    stopped: bool
    lines: int
    fired: int
    firings: list[BacktestFiring]
    times: list[str]
    series: list[BacktestSeries]
    took_ms: int
    partial: bool
    warnings: list[str]


class TestDelivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of a test notification at a target: "delivered", "refused" as it is, or "failed", which may pass.
    `error` says why, null when it was delivered."""

    target: str
    type: str
    status: Literal["delivered", "refused", "failed"]
    http_status: int | None
    smtp_status: int | None
    took_ms: float
    error: str | None


class TestNotification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of it at each target of the rule, none for one that tells nobody. `rule_id` of a rule that isn't kept
    is new each time."""

    rule_id: str
    name: str
    deliveries: list[TestDelivery]


class BrokenRuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong with a file, of which the rules of before hold; `line` is null where it isn't known."""

    file: str
    line: int | None
    message: str


class AlertRuleList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By their names; `broken_files` are those of which not all is as it is written."""

    rules: list[AlertRule]
    broken_files: list[BrokenRuleFile]


_Globs = dict[str, str]


class SilenceToMake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of alerts isn't told from a time on until another; one of `to` and `duration`, such as 2h, has to be there.
    `rule` is an id or a glob of names, `labels` (severity is one) and `group` have a glob for each that they name: all
    of them have to match, and at least one has to be there."""

    rule: Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)] | UnsetType = UNSET
    labels: _Globs | UnsetType = UNSET
    group: _Globs | UnsetType = UNSET
    from_: str | int | UnsetType = field(name="from", default=UNSET)
    to: str | int | UnsetType = UNSET
    duration: str | UnsetType = UNSET
    why: Annotated[str, Meta(max_length=MAX_WHY_CHARACTERS)] = ""


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silence as it is kept."""

    id: str
    rule: str
    labels: _Globs
    group: _Globs
    from_: str = field(name="from")
    to: str
    why: str
    state: Literal["pending", "active", "expired"]
    created: str
    created_by: str | None


class SilenceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those that end first come first; ended ones are listed for 30 days."""

    silences: list[Silence]
