"""The tables of alerts; see schema.py for how they are made and checked."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_Text = Annotated[str, Meta(min_length=1)]
#: At most a day: who is told later than that has long found out.
_Seconds = Annotated[float, Meta(gt=0, le=86_400)]


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
    trusted beside the authorities that the system trusts."""

    allow: list[_Text] = []
    secrets: list[_Text] = msgspec.field(default_factory=lambda: ["env:ALERT_*"])
    tls_ca: str = ""
    timeout_seconds: _Seconds = 10.0
    give_up_seconds: _Seconds = 900.0
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 4
    breaker_failures: Annotated[int, Meta(ge=1, le=1_000)] = 5
    breaker_seconds: _Seconds = 30.0
    smtp: Smtp = Smtp()


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[alerts]`: rules that watch the stream. `rules` is a folder with files of them, empty for none. What happened to
    alerts, and who was told, is known for `history_days`; 0 is for ever."""

    rules: str = ""
    history_days: Annotated[int, Meta(ge=0, le=100_000)] = 90
    notify: Notify = Notify()
