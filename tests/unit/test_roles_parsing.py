"""How old a line may be, by what the configuration says of keeping it."""

from __future__ import annotations

import pytest

from logd.config.schema import Archiver, Config, Ingest, Policy
from logd.roles.parsing import max_age_seconds

_DAY = 86_400


@pytest.mark.parametrize(
    ("ingest", "retention_days", "policies", "expected"),
    [
        (0, 0, {}, 0),
        (0, 3, {}, 3 * _DAY),
        (60, 3, {}, 60),
        (10 * _DAY, 3, {}, 3 * _DAY),
        (0, 0, {"DEFAULT": Policy(hot_days=1, warm_days=2, cold_days=9)}, 9 * _DAY),
        (0, 3, {"pay": Policy(services=["pay"], cold_days=30)}, 30 * _DAY),
        (0, 3, {"pay": Policy(services=["pay"], cold_days=0)}, 0),
        (60, 3, {"pay": Policy(services=["pay"], cold_days=0)}, 60),
    ],
)
def test_max_age(ingest: int, retention_days: int, policies: dict[str, Policy], expected: int) -> None:
    config = Config(
        ingest=Ingest(max_age_seconds=ingest), archiver=Archiver(retention_days=retention_days), policies=policies
    )
    assert max_age_seconds(config) == expected
