"""The times that a query leaves open."""

from __future__ import annotations

import pytest

from logd.query.parse import parse
from logd.query.times import ranged
from logd.query.tree import Everything
from tests.support.rows import DAY

_SECOND = 1_000_000
_DAY = "2024-10-04T00:00:0"


@pytest.mark.parametrize(
    ("text", "left", "from_us", "to_us"),
    [
        ("", "", 10, 20),
        ("red", "red", 10, 20),
        (f"timestamp:[{_DAY}1 TO {_DAY}3}}", "", DAY + _SECOND, 20),
        (f"timestamp:{{{_DAY}1 TO *]", "", DAY + 2 * _SECOND, 20),
        (f"red AND timestamp:>={_DAY}1", "red", DAY + _SECOND, 20),
        (f"red AND blue AND timestamp:>={_DAY}1", "red AND blue", DAY + _SECOND, 20),
        (f"red AND (blue AND timestamp:>={_DAY}1)", "red AND blue", DAY + _SECOND, 20),
        (f"NOT timestamp:>={_DAY}1", f"NOT timestamp:>={_DAY}1", 10, 20),
        (f"red OR timestamp:>={_DAY}1", f"red OR timestamp:>={_DAY}1", 10, 20),
        (f"ingested_at:>={_DAY}1", f"ingested_at:>={_DAY}1", 10, 20),
    ],
)
def test_what_every_hit_lies_in_is_a_range(text: str, left: str, from_us: int, to_us: int) -> None:
    assert ranged(parse(text), 10, 20) == (parse(left), from_us, to_us)


def test_no_range_at_all() -> None:
    assert ranged(Everything(), None, None) == (Everything(), None, None)
