"""Regular expressions for Lucene: by table."""

from __future__ import annotations

import pytest

from logd.errors import BadRequest
from logd.query import lucene
from logd.query.regex import rewritten


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("abc", "(abc)"),
        ("a.c", "(a.c)"),
        ("a|b", "(a)|(b)"),
        ("a|", "(a)|(())"),
        ("(|b)c", "((()|b)c)"),
        ("(a||b)", "((a|()|b))"),
        ("()", "((()))"),
        ("a*?b+?", "((a)*(b)+)"),
        ("a{2,3}", "((a){2,3})"),
        (r"\.\*\"#~", r"(\.\*\"\#\~)"),
        ("[a-c]", "([a-c])"),
        ("[,-a]", r"([\,\-\.\/0-a])"),
        (r"[a-\x{7e}]", r"([a-z\{\|\}\~])"),
        (r"[^\x00-\x{10ffff}]", "(#)"),
        (r"[^\x00-\x{d7ff}]", "([\ue000-\U0010ffff])"),
        ("日本", "(日本)"),
        ("^abc$", "(abc)"),
        (r"\Aa|b\z", "(a)|(b)"),
        ("(?i)ab", "([Aa][Bb])"),
        ("", "(())"),
    ],
)
def test_whole_values(pattern: str, expression: str) -> None:
    assert lucene.whole(rewritten(pattern).pattern) == expression


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("a", ".*(a).*"),
        ("^a", "(a).*"),
        ("a$", ".*(a)"),
        ("^a$|b", "(a)|.*(b).*"),
        ("^", "(()).*"),
        ("^$", "(())"),
    ],
)
def test_stretches_of_a_text(pattern: str, expression: str) -> None:
    assert lucene.anywhere(rewritten(pattern).pattern) == expression


def test_any_character_of_a_word_is_a_dot() -> None:
    assert lucene.of_run(rewritten("a.b", words=True, alone=True).pattern) == "([Aa].[Bb])"


@pytest.mark.parametrize("pattern", [r"\ba", r"a\B", "a^b", "(^a)", "(a$)|b", "a$b", "(?:^)*a"])
def test_places_within_are_refused(pattern: str) -> None:
    with pytest.raises(BadRequest, match="a place"):
        lucene.anywhere(rewritten(pattern).pattern)
