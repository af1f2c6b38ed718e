"""Alert rules in a catalog; see seams.AlertRules."""

from __future__ import annotations

from typing import Any

from logd.backends.catalog.database import Database
from logd.backends.catalog.named_rows import NamedRows, with_json
from logd.backends.catalog.tables import ALERT_RULES
from logd.seams import MAX_RULES, AlertRule

_OF = dict[str, Any]
_KIND = with_json(ALERT_RULES, MAX_RULES, "an alert rule", "alert rules", AlertRule, "rule", _OF)


def catalog_alert_rules(database: Database) -> NamedRows[AlertRule]:
    """The table `alert_rules`."""
    return NamedRows(database, _KIND)
