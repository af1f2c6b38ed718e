"""/api/v1/dashboards: panels that people have laid out. An answer is the export, and posting it the import."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from logd.errors import BadRequest
from logd.flow.clock import now_us
from logd.http import stats
from logd.http.dashboard_schemas import (
    COLUMNS,
    LEAST_REFRESH_SECONDS,
    MOST_REFRESH_SECONDS,
    ChangedDashboard,
    DashboardList,
    DashboardToMake,
    Panel,
)
from logd.http.dashboard_schemas import Dashboard as Shown
from logd.http.named import Kind, NamedApi, Schemas, Wanted, decoded, operations
from logd.http.parameters import of_object, read_filters, shortened
from logd.query.parse import Operator
from logd.seams import MAX_DASHBOARD_BYTES, Dashboard, Dashboards

PATH = "/api/v1/dashboards"
_COUNT = "count"
#: Where in a body msgspec found something wrong.
_PLACE = re.compile(r" - at `\$\.?([^`]+)`$")
#: Of a panel, what isn't among the parameters of its search.
_OF_PANEL = frozenset(["by", "aggregate", "interval", "top"])


def dashboards_api(kept: Dashboards, default_operator: Operator) -> NamedApi[Dashboard]:
    """The handlers."""
    return NamedApi(kept, _kind(default_operator))


def _kind(default_operator: Operator) -> Kind[Dashboard]:
    return Kind(
        path=PATH,
        one="a dashboard",
        plural="dashboards",
        listed="dashboards",
        type=Dashboard,
        read=lambda body, is_change: read_dashboard(body, is_change, default_operator),
        shown=lambda one: {"refresh_seconds": one.refresh_seconds, "time": one.time, "panels": one.panels},
    )


LIST, SHOW, CREATE, CHANGE, REMOVE = operations(
    _kind("or"),
    Schemas(Shown, DashboardList, DashboardToMake, ChangedDashboard),
    "The dashboard; what was exported, as it is.",
)


def read_dashboard(body: bytes, is_change: bool, default_operator: Operator) -> Wanted:
    """What was sent. Raises BadRequest, of a search in the words in which the search would be refused."""
    try:
        wanted = decoded(body, ChangedDashboard if is_change else DashboardToMake)
    except BadRequest as error:
        if (found := _PLACE.search(str(error))) is not None:
            raise BadRequest(error.code, str(error), found[1]) from error
        raise
    if 0 < wanted.refresh_seconds < LEAST_REFRESH_SECONDS:
        expected = f"expected 0, or a whole number from {LEAST_REFRESH_SECONDS} to {MOST_REFRESH_SECONDS}"
        message = f"refresh_seconds is {wanted.refresh_seconds}, {expected}"
        raise BadRequest("bad_number", message, "refresh_seconds")
    time: dict[str, Any] = msgspec.to_builtins(wanted.time)
    now = now_us()
    with _at("time."):
        read_filters(of_object(time), now)
    ids: set[str] = set()
    for number, panel in enumerate(wanted.panels):
        where = f"panels[{number}]"
        if panel.id in ids:
            raise BadRequest("bad_panel", f"{where}.id is {shortened(panel.id)}, as another one's is", f"{where}.id")
        ids.add(panel.id)
        _check(panel, where, now, default_operator)
    fields = {
        "refresh_seconds": wanted.refresh_seconds,
        "time": time,
        "panels": [msgspec.to_builtins(panel) for panel in wanted.panels],
    }
    size = len(msgspec.json.encode(fields))
    if size > MAX_DASHBOARD_BYTES:
        message = f"the dashboard is {size} bytes of JSON, at most {MAX_DASHBOARD_BYTES}"
        raise BadRequest("dashboard_too_large", message, "panels", 413)
    version = wanted.version if isinstance(wanted, ChangedDashboard) else 0
    return Wanted(wanted.name, wanted.description, fields, version)


def _check(panel: Panel, where: str, now: int, default_operator: Operator) -> None:
    """Raises BadRequest."""
    if panel.x + panel.w > COLUMNS:
        message = f"{where} reaches to column {panel.x + panel.w}, there are {COLUMNS}"
        raise BadRequest("bad_panel", message, f"{where}.w")
    values: dict[str, Any] = msgspec.to_builtins(panel)
    if "search" in values and "saved" in values:
        raise BadRequest("bad_panel", f"{where} has search and saved, expected one of them", f"{where}.saved")
    if "share" in values:
        _check_share(values["share"], where, now, default_operator)
    asked = {name: value for name, value in values.items() if name in _OF_PANEL}
    if asked.get("aggregate", "").strip() in ("", _COUNT):
        asked.pop("aggregate", None)  # which stats give anyway
    with _at(f"{where}."):
        found = stats.read_stats(of_object({**values.get("search", {}), **asked}), now, default_operator)
    if len(found.aggregates) > 1:
        message = f"there are {len(found.aggregates)} aggregates, at most 1"
        raise BadRequest("too_many_aggregates", message, f"{where}.aggregate")


def _check_share(query: str, where: str, now: int, default_operator: Operator) -> None:
    """Raises BadRequest, whose place has the column in the query. Of everything a share says nothing."""
    if not query.strip():
        raise BadRequest("bad_panel", f"{where}.share is empty, expected a query", f"{where}.share")
    try:
        read_filters(of_object({"q": query}), now, default_operator)
    except BadRequest as error:
        place = error.where.replace("q", "share", 1)
        raise BadRequest(error.code, str(error), f"{where}.{place}", error.status) from error


@contextlib.contextmanager
def _at(prefix: str) -> Iterator[None]:
    """Names the place of what is wrong with parameters in the whole body."""
    try:
        yield
    except BadRequest as error:
        outer = "" if prefix == "time." or error.where in _OF_PANEL else "search."
        raise BadRequest(error.code, str(error), f"{prefix}{outer}{error.where}", error.status) from error
