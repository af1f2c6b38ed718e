"""The tables of alerts; see schema.py for how they are made and checked."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_Text = Annotated[str, Meta(min_length=1)]
#: At most a day: who is told later than that has long found out.
_Seconds = Annotated[float, Meta(gt=0, le=86_400)]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: As datetime counts them.
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class Smtp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[alerts.notify.smtp]`: the server that takes e-mail, and who it is from. Without an `address` none is sent. An
    empty `user` doesn't log in; an empty `password_file` takes the password in $LOGD_SMTP_PASSWORD."""

    address: str = ""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: str = ""
    sender: str = ""


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[alerts.notify]`: how people are told. Targets have public addresses only, but for what `allow` names: hosts,
    `*.` and a domain, addresses and networks. `secrets` are globs of the references that actions may use. `tls_ca` is
    trusted beside the authorities that the system trusts. A target gets `rate_per_minute` messages at most, of all
    alerters together; what is over that waits."""

    allow: list[_Text] = []
    secrets: list[_Text] = msgspec.field(default_factory=lambda: ["env:ALERT_*"])
    tls_ca: str = ""
    timeout_seconds: _Seconds = 10.0
    give_up_seconds: _Seconds = 900.0
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 4
    breaker_failures: Annotated[int, Meta(ge=1, le=1_000)] = 5
    breaker_seconds: _Seconds = 30.0
    rate_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 60
    smtp: Smtp = Smtp()


class Maintenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[alerts.maintenance]]`: nobody is told of what matches, as of a silence, on the `days`, all unless told, from
    the `start`, HH:MM, to the `end`, which is the next day's where it isn't later, by the clocks of the `zone`."""

    rule: _Text = "*"
    labels: dict[str, str] = {}
    group: dict[str, str] = {}
    days: list[Day] = []
    start: str
    end: str
    zone: str = "UTC"
    why: str = ""


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[alerts]`: rules that watch the stream. `rules` is a folder with files of them, empty for none. `public_url` is
    where people find the API, for links, empty for none.

    Of a rule's groups the first message waits `group_wait_seconds` for others, later ones come every
    `group_interval_seconds` at most, and what goes on firing is told again every `repeat_interval_seconds`, 0 for
    never. While a group fires, those of lower severities that have the same values of `inhibit_by` (fields, and labels
    of rules), where both have them, aren't told; with no names nothing is held back so.

    A window is decided `late_seconds` after it is over. Those of a rule that is new or changed are filled from what the
    stream has of the last `replay_seconds`, 0 for nothing. What happened to alerts, and to messages, is known for
    `history_days`, 0 for ever. Over Kafka, alerters share the rules by `shards`, which say how the topic alert-partials
    is made, and nothing later."""

    rules: str = ""
    late_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 15
    replay_seconds: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 3_600
    history_days: Annotated[int, Meta(ge=0, le=100_000)] = 90
    shards: Annotated[int, Meta(ge=1, le=1_000)] = 8
    public_url: str = ""
    group_wait_seconds: Annotated[float, Meta(ge=0, le=3_600)] = 0.0
    group_interval_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    repeat_interval_seconds: Annotated[float, Meta(ge=0, le=7 * 86_400)] = 4 * 3_600.0
    inhibit_by: list[_Text] = msgspec.field(default_factory=lambda: ["service"])
    maintenance: list[Maintenance] = []
    notify: Notify = Notify()
