"""The tables of alerts; see schema.py for how they are made and checked."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

_Text = Annotated[str, Meta(min_length=1)]


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[alerts.notify]`: how people are told. `secrets` are globs of the references that actions may use."""

    secrets: list[_Text] = msgspec.field(default_factory=lambda: ["env:ALERT_*"])


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[alerts]`: rules that watch the stream. `rules` is a folder with files of them, empty for none."""

    rules: str = ""
    notify: Notify = Notify()
