"""Templates: how well they group real logs, and that nothing but the masks decides."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.patterns.templates import templates
from tests.support import loghub
from tests.support.naive_patterns import grouping_accuracy, mask

#: Grouping accuracy of Drain on these 2,000 lines each, as published by Zhu et al., "Tools and Benchmarks for Automated
#: Log Parsing", 2019.
_PUBLISHED = {
    "HDFS": 0.998,
    "Hadoop": 0.948,
    "Spark": 0.920,
    "Zookeeper": 0.967,
    "OpenStack": 0.733,
    "Linux": 0.690,
    "Mac": 0.787,
    "Apache": 1.000,
    "OpenSSH": 0.788,
}
_WORDS = st.sampled_from("abcdefgh")
#: Also such as begin alike, which are compared with one another.
_MASKS = st.lists(
    st.lists(_WORDS, max_size=5).map(" ".join)
    | st.lists(_WORDS, min_size=4, max_size=4).map(lambda words: " ".join(["x", "y", *words])),
    unique=True,
    max_size=60,
)


def _made(masks: Iterable[str]) -> Mapping[str, str]:
    return templates(masks, lambda: None)


@pytest.mark.parametrize("system", loghub.SYSTEMS)
def test_grouping_accuracy(test_data: Path, system: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = loghub.rows(test_data, system)
    masks = [mask(row["Content"]) for row in rows]
    of_mask = _made(set(masks))
    accuracy = round(grouping_accuracy([of_mask[one] for one in masks], [row["EventId"] for row in rows]), 3)
    with capsys.disabled():
        groups = f"{len(set(of_mask.values()))} templates of {len(of_mask)} masks"
        print(f"\ngrouping accuracy of {system}: {accuracy:.3f}, published {_PUBLISHED[system]:.3f}; {groups}")
    assert accuracy >= _PUBLISHED[system]


@given(_MASKS, st.randoms(use_true_random=False))
def test_the_order_of_coming_does_not_matter(masks: list[str], order: random.Random) -> None:
    shuffled = list(masks)
    order.shuffle(shuffled)
    assert _made(shuffled) == _made(masks)


def test_the_order_of_coming_does_not_matter_to_real_logs(test_data: Path) -> None:
    masks = sorted({mask(row["Content"]) for system in loghub.SYSTEMS for row in loghub.rows(test_data, system)})
    assert _made(reversed(masks)) == _made(masks)


@given(_MASKS)
def test_a_template_is_of_its_masks(masks: list[str]) -> None:
    made = _made(masks)
    assert set(made) == set(masks)
    for one, template in made.items():
        words, pattern = one.split(), template.split()
        assert len(words) == len(pattern)
        assert all(wanted in ("<*>", word) for wanted, word in zip(pattern, words, strict=True))


def test_names_are_no_part_of_a_template() -> None:
    names = [f"{first}{second}" for first in "abcdefghijk" for second in "lmnopqrstuv"]
    for form in ("user {} logged in from <*>", "{} logged in from <*>", "login from <*> by {} is done"):
        made = set(_made(form.format(name) for name in names).values())
        assert made == {form.format("<*>")}
    assert len(set(_made(f"connection {verb} by peer" for verb in ("closed", "refused", "reset")).values())) == 3


def test_many_that_are_like_nothing_else() -> None:
    """More than are compared, so that some templates are found twice."""
    seeded = random.Random(1)
    masks = {" ".join(seeded.choice("abcdefghijklmnopqrstuvwxyz") * 5 for _ in range(6)) for _ in range(3_000)}
    made = _made(masks)
    assert set(made) == masks


def test_it_is_left_in_the_middle() -> None:
    looks: list[int] = []

    def go_on() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        templates([f"{'x' * number}" for number in range(1_000)], go_on)
    assert len(looks) == 3
