"""A client's rate: what it gets in a second, and what is said of the rest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logd.tail import events
from logd.tail.events import Part
from logd.tail.rate import UNLIMITED, Rate


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def part(first: int, count: int) -> Part:
    """Lines by number, each with its number as the id."""
    frames = [events.record({"n": number}, str(number)) for number in range(first, first + count)]
    return Part(b"".join(frames), count, str(first + count - 1))


def shown(parts: list[Part]) -> list[str]:
    """Ids of lines, and of what is missed: how many, up to which id."""
    found: list[str] = []
    for one in parts:
        if one.missed:
            found.append(f"-{one.missed}@{one.after}")
        else:
            frames = one.body.split(b"\n\n")[:-1]
            assert len(frames) == one.events
            found += [events.id_of(frame) for frame in frames]
    return found


def test_the_newest_of_what_comes_together() -> None:
    clock = _Clock()
    rate = Rate(4, clock)
    assert shown(list(rate.of([part(0, 3), part(3, 3)]))) == ["-2@1", "2", "3", "4", "5"]
    assert shown(list(rate.of([part(6, 2)]))) == ["-2@7"]
    clock.seconds = 0.5
    assert shown(list(rate.of([part(8, 3), part(11, 1)]))) == ["-2@9", "10", "11"]
    clock.seconds = 9
    assert shown(list(rate.of([part(12, 4)]))) == ["12", "13", "14", "15"]


def test_what_else_comes_stays_in_its_place() -> None:
    gap = events.gap("0", "5")
    rate = Rate(1, _Clock())
    parts = rate.of([Part(b"", 0, "2", 7), part(3, 2), gap, part(6, 2)])
    assert list(parts) == [Part(b"", 0, "4", 9), gap, Part(b"", 0, "6", 1), part(7, 1)]


def test_any_number() -> None:
    parts = [part(0, 1_000)]
    assert UNLIMITED.of(parts) is parts


@given(st.integers(1, 20), st.lists(st.tuples(st.floats(0, 3), st.lists(st.integers(1, 10), max_size=4)), max_size=20))
def test_each_line_is_sent_or_missed(most: int, moments: list[tuple[float, list[int]]]) -> None:
    clock = _Clock()
    rate = Rate(most, clock)
    number = sent = told = 0
    for later, counts in moments:
        clock.seconds += later
        parts = []
        for count in counts:
            parts.append(part(number, count))
            number += count
        for one in rate.of(parts):
            sent += one.events
            told += one.events + one.missed
            assert one.after == str(told - 1)
    assert told == number
    assert sent <= most * (1 + clock.seconds) + 1e-6
