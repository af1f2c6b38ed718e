"""Resume ids: text and back, and the place after every line of a batch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.chunk import Message
from logd.errors import BadRequest
from logd.tail.places import (
    Place,
    ahead,
    behind,
    ids_after,
    parse_resume_id,
    past,
    past_missing,
    resume_id,
    seen_rows,
)

PLACES = st.dictionaries(
    st.integers(0, 999), st.builds(Place, st.integers(0, 10**18 - 1), st.integers(0, 10**9 - 1)), max_size=5
)


def message(position: int, partition: int = 0) -> Message:
    return Message(partition, position, 0, "", {}, b"")


@given(PLACES)
def test_an_id_says_the_places(places: dict[int, Place]) -> None:
    assert parse_resume_id(resume_id(places)) == places


@pytest.mark.parametrize(
    "text", ["0", "0:1", "0:1.", "0:1.2,", ",", "a", "-1:1.1", "0:1.1\n", "0:1.1 ", "٣:1.1", "0:" + "9" * 19 + ".0"]
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(BadRequest, match="is no id that a tail has sent") as refused:
        parse_resume_id(text)
    assert refused.value.where == "last_event_id"


def test_an_id_that_is_too_long() -> None:
    with pytest.raises(BadRequest):
        parse_resume_id(",".join(["0:1.1"] * 20_000))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=12), st.data())
def test_the_place_after_each_row(shape: list[tuple[int, int]], data: st.DataObject) -> None:
    """Against counting: for every row, what was seen of each message so far."""
    start = {0: Place(5), 1: Place(50), 2: Place(500)}
    reached = {partition: place.position for partition, place in start.items()}
    messages, lines = [], []
    expected = []
    current = dict(start)
    for partition, count in shape:
        messages.append(message(reached[partition], partition))
        lines.append(count)
        for line in range(count):
            whole = line + 1 == count
            current[partition] = Place(reached[partition] + 1) if whole else Place(reached[partition], line + 1)
            expected.append(dict(current))
        reached[partition] += 1
        current[partition] = Place(reached[partition])
    rows = sorted(data.draw(st.sets(st.integers(0, len(expected) - 1)))) if expected else []
    ids = list(ids_after(start, messages, lines, rows))
    assert [parse_resume_id(text) for text in ids] == [expected[row] for row in rows]
    assert past(start, messages) == current


def test_rows_that_were_seen() -> None:
    places = {0: Place(7, 3), 1: Place(2)}
    messages = [message(2, 1), message(7), message(8), message(3, 1)]
    assert list(seen_rows(places, messages, [4, 5, 6, 7])) == [(4, 7)]
    assert list(seen_rows(places, messages, [4, 2, 6, 7])) == [(4, 6)]
    assert list(seen_rows({0: Place(8)}, messages, [4, 5, 6, 7])) == []


def test_before_and_after() -> None:
    end = {0: Place(10), 1: Place(3)}
    assert not behind(end, end)
    assert not ahead(end, end)
    assert behind({0: Place(9, 5), 1: Place(3)}, end)
    assert behind({0: Place(10)}, end)  # partition 1 came later
    assert ahead({0: Place(10, 1)}, end)
    assert ahead({2: Place(1)}, end)


@pytest.mark.parametrize(
    ("messages", "reached", "expected"),
    [
        ([], {0: 5, 1: 9}, {0: Place(5, 3), 1: Place(9)}),
        ([message(5), message(6)], {}, {0: Place(5, 3), 1: Place(9)}),
        ([message(6)], {}, {0: Place(6), 1: Place(9)}),
        ([message(8), message(9, 1), message(9)], {}, {0: Place(8), 1: Place(9)}),
        ([], {0: 12, 1: 9}, {0: Place(12), 1: Place(9)}),
        ([message(0, 2)], {}, {0: Place(5, 3), 1: Place(9)}),
        ([message(4, 2)], {}, {0: Place(5, 3), 1: Place(9), 2: Place(4)}),
    ],
)
def test_what_is_missing(messages: list[Message], reached: dict[int, int], expected: dict[int, Place]) -> None:
    assert past_missing({0: Place(5, 3), 1: Place(9)}, messages, reached) == expected
