"""Dashboards that people have laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from logd.seams.kept import Kept, Named

#: They are listed whole; with the bound below a list has 40 MB at most.
MAX_DASHBOARDS = 200
#: Each of them is a search, whenever the page looks anew.
MAX_PANELS = 50
#: Of time and panels as JSON: as much as an alert rule, 4 kB a panel.
MAX_DASHBOARD_BYTES = 200_000


class Dashboard(Named, frozen=True, kw_only=True):
    """`refresh_seconds` is how often it looks anew, 0 for never; `time` has `from` and `to`, as they were written, of
    all panels that don't say otherwise; `panels` are as in dashboard_schemas.Panel."""

    description: str = ""
    refresh_seconds: int
    time: Mapping[str, str | int]
    panels: Sequence[Mapping[str, Any]]


#: Those of all who search; there are MAX_DASHBOARDS at most.
Dashboards = Kept[Dashboard]
