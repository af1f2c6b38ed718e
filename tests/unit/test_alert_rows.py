"""Messages that waited are looked at step by step."""

from __future__ import annotations

from logd.chunk import Message
from logd.roles.alert_rows import slices


def test_slices() -> None:
    """By the time at which they were taken, in order of each partition, also where a clock went back."""
    taken = [(0, 1), (0, 5), (0, 25), (1, 2), (1, 31), (1, 8), (1, 40)]
    messages = [Message(part, place, at, "", {}, b"") for place, (part, at) in enumerate(taken)]
    found = [[(one.partition, one.timestamp_us) for one in some] for some in slices(messages, 10)]
    assert found == [[(0, 1), (0, 5), (1, 2)], [(0, 25)], [(1, 31), (1, 8)], [(1, 40)]]
    assert list(slices([], 10)) == []
