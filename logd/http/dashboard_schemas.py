"""What dashboards look like, for the OpenAPI document and for what is sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from logd.http.schemas import FilterParameters
from logd.seams import MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS, MAX_PANELS

COLUMNS = 12
#: More often is what a live tail is for.
LEAST_REFRESH_SECONDS, MOST_REFRESH_SECONDS = 5, 3_600
_MOST_ROWS_OF_ONE = 20
#: As many as the tallest panels have below one another.
_MOST_ROWS = MAX_PANELS * _MOST_ROWS_OF_ONE
_Title = Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)]
_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]
_Version = Annotated[int, Meta(ge=1, le=2**63 - 2)]


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is `value` or more has this colour, unless it is as much as a higher one."""

    value: float
    colour: Literal["good", "warning", "danger"]


class Panel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`id` is unique in its dashboard. It stands at column `x` and row `y` of a grid of 12 columns, and is `w` columns
    wide and `h` rows high. It is about the records of `search`, whose times, if any, win over the dashboard's, or of
    the saved search whose name is `saved`, or about all; `by`, `aggregate` (`count`, or one as of stats), `interval`
    and `top` are as of stats. With another `source` than logs it shows their patterns, or what logd says of itself.
    With `share`, a query, it shows which share of the records matches that too, from 0 to 1. `draw`, `unit` and
    `thresholds` are of how it looks."""

    id: Annotated[str, Meta(min_length=1, max_length=100)]
    title: _Title = ""
    type: Literal["timeseries", "table", "top", "number", "status"]
    x: Annotated[int, Meta(ge=0, le=COLUMNS - 1)]
    y: Annotated[int, Meta(ge=0, le=_MOST_ROWS)]
    w: Annotated[int, Meta(ge=1, le=COLUMNS)]
    h: Annotated[int, Meta(ge=1, le=_MOST_ROWS_OF_ONE)]
    search: FilterParameters | UnsetType = UNSET
    saved: _Name | UnsetType = UNSET
    by: str | list[str] | UnsetType = UNSET
    aggregate: str | UnsetType = UNSET
    interval: str | UnsetType = UNSET
    top: int | UnsetType = UNSET
    source: Literal["logs", "patterns", "alerts", "lag", "slow_searches", "usage", "bytes"] = "logs"
    share: str | UnsetType = UNSET
    draw: Literal["lines", "bars"] | UnsetType = UNSET
    unit: Literal["count", "bytes", "ms", "percent"] | UnsetType = UNSET
    thresholds: Annotated[list[Threshold], Meta(max_length=10)] | UnsetType = UNSET


class DashboardTime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As they are written: a relative time is so whenever the dashboard looks anew."""

    from_: str | int = field(name="from", default="-1h")
    to: str | int = "now"


class DashboardToMake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names are of printable characters, and none looks like an id. `refresh_seconds` is 0 for never, or 5 to 3,600.
    What else an answer has of a dashboard may be here too and means nothing: what was exported can be sent as it is."""

    name: _Name
    description: Annotated[str, Meta(max_length=MAX_DESCRIPTION_CHARACTERS)] = ""
    refresh_seconds: Annotated[int, Meta(ge=0, le=MOST_REFRESH_SECONDS)] = 30
    time: DashboardTime = DashboardTime()
    panels: Annotated[list[Panel], Meta(max_length=MAX_PANELS)] = []
    id: Any = None
    created: Any = None
    created_by: Any = None
    updated: Any = None
    updated_by: Any = None
    version: Any = None


class ChangedDashboard(DashboardToMake, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`version` is that of the dashboard as it was before."""

    version: _Version


class Dashboard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`created_by` and `updated_by` are the names of tokens, null where none was needed. Each change makes `version`
    one more."""

    id: str
    name: str
    description: str
    refresh_seconds: int
    time: DashboardTime
    panels: list[Panel]
    created: str
    created_by: str | None
    updated: str
    updated_by: str | None
    version: int


class DashboardList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By their names."""

    dashboards: list[Dashboard]
