"""Which holds may hold a day."""

from __future__ import annotations

import pytest

from logd.seams import LegalHold
from logd.tiers.holding import may_hold

DAY_US = 86_400_000_000


@pytest.mark.parametrize(
    ("hold", "services", "holds"),
    [
        (LegalHold(id="1", name="all"), ["a"], True),
        (LegalHold(id="1", name="released", released_us=5), ["a"], False),
        (LegalHold(id="1", name="ends as it starts", to_us=10 * DAY_US), ["a"], False),
        (LegalHold(id="1", name="its first moment", to_us=10 * DAY_US + 1), ["a"], True),
        (LegalHold(id="1", name="its last moment", from_us=11 * DAY_US - 1), ["a"], True),
        (LegalHold(id="1", name="starts as it ends", from_us=11 * DAY_US), ["a"], False),
        (LegalHold(id="1", name="within", from_us=10 * DAY_US + 5, to_us=10 * DAY_US + 6), ["a"], True),
        (LegalHold(id="1", name="a service", services=("a", "b")), ["b", ""], True),
        (LegalHold(id="1", name="another", services=("a", "b")), ["c", ""], False),
        (LegalHold(id="1", name="nobody knows", services=("a",)), None, True),
        (LegalHold(id="1", name="not all are listed", services=("a",)), [f"s{n}" for n in range(1_000)], True),
        (LegalHold(id="1", name="nothing is there", services=("a",)), [], False),
    ],
    ids=lambda value: value.name if isinstance(value, LegalHold) else None,
)
def test_what_may_hold_the_tenth_day(hold: LegalHold, services: list[str] | None, holds: bool) -> None:
    assert may_hold([hold], 10, services) == ([hold] if holds else [])
