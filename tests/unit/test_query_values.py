from __future__ import annotations

import pytest

from logd.query.values import listed, written


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ([], []),
        (["", " ", ","], []),
        (["a"], ["a"]),
        (["a,b"], ["a", "b"]),
        ([" a , b,", "c", "a"], ["a", "b", "c"]),
        ([r"a\,b"], ["a,b"]),
        ([r"a\,b,c"], ["a,b", "c"]),
        ([r"\,"], [","]),
        (["a\\", "b"], ["a\\", "b"]),
        ([r"a\b,c"], [r"a\b", "c"]),
    ],
)
def test_what_a_list_is(texts: list[str], values: list[str]) -> None:
    assert listed(texts) == values


@pytest.mark.parametrize("value", ["a", "a,b", ",", ",,", r"a\,b", r"a\\,b", "a\\", r"\\", "a, b"])
def test_what_is_written_is_listed_again(value: str) -> None:
    assert listed([written(value)]) == [value]
