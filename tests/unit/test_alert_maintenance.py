"""Maintenance that comes again, by the clocks of a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from logd.alerts.maintenance import silences
from logd.config.alerting import Maintenance


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def text(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize(
    ("window", "now", "first"),
    [
        ({}, "2026-11-27T01:59", ("2026-11-27T02:00", "2026-11-27T04:00")),
        ({}, "2026-11-27T03:59", ("2026-11-27T02:00", "2026-11-27T04:00")),
        ({}, "2026-11-27T04:00", ("2026-11-28T02:00", "2026-11-28T04:00")),
        # A Friday, and a Sunday.
        ({"days": ["fri"]}, "2026-11-27T00:00", ("2026-11-27T02:00", "2026-11-27T04:00")),
        ({"days": ["sat", "sun"]}, "2026-11-27T00:00", ("2026-11-28T02:00", "2026-11-28T04:00")),
        ({"days": ["tue"]}, "2026-11-27T00:00", None),
        # Over midnight, on the day on which it begins.
        ({"start": "23:00", "end": "01:00"}, "2026-11-27T00:30", ("2026-11-26T23:00", "2026-11-27T01:00")),
        (
            {"start": "23:00", "end": "01:00", "days": ["thu"]},
            "2026-11-27T00:30",
            ("2026-11-26T23:00", "2026-11-27T01:00"),
        ),
        ({"start": "00:00", "end": "00:00"}, "2026-11-27T12:00", ("2026-11-27T00:00", "2026-11-28T00:00")),
        ({"zone": "Europe/Berlin"}, "2026-11-27T00:00", ("2026-11-27T01:00", "2026-11-27T03:00")),
        ({"zone": "Europe/Berlin"}, "2026-07-27T00:00", ("2026-07-27T00:00", "2026-07-27T02:00")),
        ({"zone": "Pacific/Auckland", "days": ["sat"]}, "2026-11-27T12:00", ("2026-11-27T13:00", "2026-11-27T15:00")),
        # Clocks go forward at 2:00, and back at 3:00.
        ({"zone": "Europe/Berlin"}, "2026-03-29T00:00", ("2026-03-29T01:00", "2026-03-29T02:00")),
        ({"zone": "Europe/Berlin"}, "2026-10-25T00:00", ("2026-10-25T00:00", "2026-10-25T03:00")),
    ],
)
def test_the_window_that_is_or_comes_next(window: dict[str, Any], now: str, first: tuple[str, str] | None) -> None:
    of = Maintenance(**({"start": "02:00", "end": "04:00", "why": "backups"} | window))
    found = silences([of], us(now))
    assert [silence.why for silence in found] == ["backups"] * len(found)
    assert ((text(found[0].from_us), text(found[0].to_us)) if found else None) == first


def test_every_moment_of_a_week() -> None:
    of = [Maintenance(start="22:00", end="06:00", days=["fri", "sat"], zone="America/New_York")]
    begun = us("2026-11-23T00:00")
    held = 0
    for minute in range(0, 7 * 1_440, 10):
        now_us = begun + minute * 60_000_000
        held += any(silence.from_us <= now_us < silence.to_us for silence in silences(of, now_us))
    assert held == 2 * 8 * 6
