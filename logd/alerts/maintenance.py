"""Windows of maintenance that come again, as silences: pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from logd.config.alerting import DAYS, Maintenance
from logd.seams import Silence

_SECOND_US = 1_000_000


def silences(settings: Sequence[Maintenance], now_us: int) -> list[Silence]:
    """Those that hold at a time, or will within the next day."""
    return [silence for place, window in enumerate(settings) for silence in _windows(window, place, now_us)]


def _windows(window: Maintenance, place: int, now_us: int) -> list[Silence]:
    zone = ZoneInfo(window.zone)
    start, end = time.fromisoformat(window.start), time.fromisoformat(window.end)
    today = datetime.fromtimestamp(now_us // _SECOND_US, UTC).astimezone(zone).date()
    found = []
    for days in (-2, -1, 0, 1, 2):
        day = today + timedelta(days=days)
        if window.days and DAYS[day.weekday()] not in window.days:
            continue
        last = day if end > start else day + timedelta(days=1)
        from_us, to_us = (
            int(datetime.combine(date, at, zone).timestamp()) * _SECOND_US for date, at in ((day, start), (last, end))
        )
        if from_us < to_us and now_us < to_us:
            found.append(
                Silence(
                    id=f"maintenance-{place}",
                    rule=window.rule,
                    labels=window.labels,
                    group=window.group,
                    from_us=from_us,
                    to_us=to_us,
                    why=window.why or "maintenance",
                    created_by="alerts.maintenance",
                    created_us=0,
                )
            )
    return found
