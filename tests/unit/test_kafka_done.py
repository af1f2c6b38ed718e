"""Which dead letters are done, against a plain set of offsets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logd.backends.transport.kafka_done import Done, Mark, marks_of, parse

_STRETCHES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=12)


@given(_STRETCHES, st.lists(st.integers(0, 60), max_size=12, unique=True))
def test_it_is_a_set(stretches: list[tuple[int, int]], more: list[int]) -> None:
    done, offsets = Done(), set[int]()
    for first, length in stretches:
        done.add(Mark(3, first, first + length))
        offsets |= set(range(first, first + length))
    new = sorted(set(more) - offsets)
    marks = marks_of(3, new, done)
    assert set(new) <= {offset for mark in marks for offset in range(mark.first, mark.end)} <= offsets | set(new)
    for mark in marks:
        done.add(mark)
    offsets |= set(new)
    assert done.count(3, 0, 100) == len(offsets)
    assert done.count(3, 5, 25) == len(offsets & set(range(5, 25)))
    for start in range(62):
        assert done.skip(3, start) == next(at for at in range(start, 100) if at not in offsets)
        assert done.skip(2, start) == start


def test_a_mark_comes_back() -> None:
    found = parse(Mark(1, 2, 5).envelope("removed").key.encode())
    assert found is not None
    assert (found.partition, found.first, found.end) == (1, 2, 5)
    assert [parse(key) for key in (None, b"", b"\xff", b"1:5-5", b"1:2-3\n", b"a:1-2")] == [None] * 6


def test_marks_go_with_the_letters_that_they_tell_of() -> None:
    done = Done()
    for offset, mark in enumerate((Mark(0, 0, 2), Mark(0, 5, 6), Mark(0, 2, 3))):
        done.read(mark, 0, offset)
    assert done.forget({0: 1}) == {}
    assert done.forget({0: 3}) == {0: 1}, "the second one tells of a letter that is left"
    assert done.skip(0, 5) == 6
    assert done.forget({0: 6}) == {0: 3}
    assert done.skip(0, 5) == 5
