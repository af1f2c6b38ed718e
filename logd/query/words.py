"""Words side by side as an RE2 regular expression, and a cheap first filter for them.

Word boundaries are spelled out, because RE2's `\\b` knows only ASCII. Case is spelled out too (`[tT]`): `(?i)` folds
what the tokenizer keeps apart (`ſ` and `s`, `ς` and `σ`), and lower-casing the text first costs more than the search.
Nothing needs escaping: a word has no ASCII but letters, digits and the underscore.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from logd.query.charset import inside
from logd.query.tokens import KATAKANA, NOT_LETTERS, SEPARATORS, SINGLES, is_katakana, is_letter, spellings

#: In and outside of words, as RE2 writes it.
SEPARATOR = f"[{inside(SEPARATORS)}]"
NOT_SEPARATOR = f"[^{inside(SEPARATORS)}]"
#: A word: RE2's leftmost match, again and again, is what tokens.py finds.
TOKEN = f"[{inside(SINGLES)}]|[{inside(KATAKANA)}]+|[^{inside(NOT_LETTERS)}]+"
_NOT_LETTER = f"[{inside(NOT_LETTERS)}]"
_NOT_KATAKANA = f"[^{inside(KATAKANA)}]"


class Filter(msgspec.Struct, frozen=True):
    """Text that has the words has `text` in it, in some case if `any_case`. Cheap, and never wrong about a miss."""

    text: str
    any_case: bool


def pattern(words: Sequence[str]) -> str:
    """Matches text that has these words, in this order, with nothing but separators between them."""
    parts = [before(words[0]), spelled(words[0])]
    for left, right in pairwise(words):
        parts += [_between(left, right), spelled(right)]
    return "".join([*parts, after(words[-1])])


def any_pattern(words: Sequence[str]) -> str:
    """Matches text that has at least one of these words."""
    letters = [word for word in words if is_letter(word[0])]
    others = [pattern([word]) for word in words if not is_letter(word[0])]
    if letters:
        either = "|".join(map(spelled, letters))
        others.append(f"{before(letters[0])}(?:{either}){after(letters[0])}")
    return "|".join(others)


def first_filter(words: Sequence[str]) -> Filter | None:
    """The longest run of characters in one of the words that memchr and RE2 find fast: without case, or ASCII with two
    spellings (`[tT]` is a literal to RE2, `[kK\u212a]` isn't). None when there is no such run: one letter is in almost
    every line."""
    runs = [run for word in words for run in _runs(word)]
    text = max(runs, key=len, default="")
    any_case = any(len(spellings(char)) > 1 for char in text)
    return None if len(text) < (2 if any_case else 1) else Filter(text, any_case)


def _runs(word: str) -> list[str]:
    slow = (len(spellings(char)) > (2 if char.isascii() else 1) for char in word)
    return "".join(" " if is_slow else char for char, is_slow in zip(word, slow, strict=True)).split()


def spelled(word: str) -> str:
    """The word in any spelling."""
    return "".join(f"[{all_}]" if len(all_) > 1 else all_ for all_ in map(spellings, word))


def before(word: str) -> str:
    """What a word begins after."""
    if is_letter(word[0]):
        return rf"(?:\A|{_NOT_LETTER})"
    return rf"(?:\A|{_NOT_KATAKANA})" if is_katakana(word[0]) else ""


def after(word: str) -> str:
    """What a word ends before."""
    if is_letter(word[-1]):
        return rf"(?:\z|{_NOT_LETTER})"
    return rf"(?:\z|{_NOT_KATAKANA})" if is_katakana(word[-1]) else ""


def _between(left: str, right: str) -> str:
    """Two words of one running kind would be one word without a separator; others may touch."""
    same = any(runs_on(left[-1]) and runs_on(right[0]) for runs_on in (is_letter, is_katakana))
    return SEPARATOR + ("+" if same else "*")
