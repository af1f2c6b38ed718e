"""Dashboards in a catalog; see seams.Dashboards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from logd.backends.catalog.database import Database
from logd.backends.catalog.named_rows import Kind, NamedRows
from logd.backends.catalog.tables import DASHBOARDS
from logd.seams import MAX_DASHBOARDS, Dashboard


class _Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column `panels`."""

    refresh_seconds: int
    time: dict[str, str | int]
    panels: list[dict[str, Any]]


_decode = msgspec.json.Decoder(_Layout).decode


def catalog_dashboards(database: Database) -> NamedRows[Dashboard]:
    """The table `dashboards`."""
    return NamedRows(database, _KIND)


def _row(dashboard: Dashboard) -> Mapping[str, Any]:
    values = msgspec.structs.asdict(dashboard)
    layout = {name: values.pop(name) for name in _Layout.__struct_fields__}
    return {**values, "panels": msgspec.json.encode(layout).decode()}


def _dashboard(values: Mapping[str, Any]) -> Dashboard:
    return Dashboard(**{**values, **msgspec.structs.asdict(_decode(values["panels"]))})


_KIND = Kind(DASHBOARDS, MAX_DASHBOARDS, "a dashboard", "dashboards", _dashboard, _row)
