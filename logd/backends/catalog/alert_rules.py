"""Alert rules in a catalog; see seams.AlertRules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from logd.backends.catalog.database import Database
from logd.backends.catalog.named_rows import Kind, NamedRows
from logd.backends.catalog.tables import ALERT_RULES
from logd.seams import MAX_RULES, AlertRule

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def catalog_alert_rules(database: Database) -> NamedRows[AlertRule]:
    """The table `alert_rules`."""
    return NamedRows(database, _KIND)


def _row(rule: AlertRule) -> Mapping[str, Any]:
    return {**msgspec.structs.asdict(rule), "rule": msgspec.json.encode(rule.rule).decode()}


def _rule(values: Mapping[str, Any]) -> AlertRule:
    return AlertRule(**{**values, "rule": _decode(values["rule"])})


_KIND = Kind(ALERT_RULES, MAX_RULES, "an alert rule", "alert rules", _rule, _row)
