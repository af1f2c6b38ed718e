"""Words side by side as an RE2 regular expression, and a cheap first filter for them.

Word boundaries are spelled out, because RE2's `\\b` knows only ASCII. Case is spelled out too (`[tT]`): `(?i)` folds what
the tokenizer keeps apart (`ſ` and `s`, `ς` and `σ`), and lower-casing the text first costs more than the search.
Nothing needs escaping: a word has no ASCII but letters, digits and the underscore.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logd.query.tokens import KATAKANA, NOT_LETTERS, SEPARATORS, Range, is_katakana, is_letter, spellings


def _class(table: Sequence[Range]) -> str:
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" if first < last else f"\\x{{{first:x}}}" for first, last in table)


_NOT_LETTER = f"[{_class(NOT_LETTERS)}]"
_NOT_KATAKANA = f"[^{_class(KATAKANA)}]"
_SEPARATOR = f"[{_class(SEPARATORS)}]"


class Filter(msgspec.Struct, frozen=True):
    """Text that has the words has `text` in it, in some case if `any_case`. Cheap, and never wrong about a miss."""

    text: str
    any_case: bool


def pattern(words: Sequence[str]) -> str:
    """Matches text that has these words, in this order, with nothing but separators between them."""
    parts = [_before(words[0]), _spelled(words[0])]
    for left, right in zip(words, words[1:], strict=False):
        parts += [_between(left, right), _spelled(right)]
    return "".join([*parts, _after(words[-1])])


def any_pattern(words: Sequence[str]) -> str:
    """Matches text that has at least one of these words."""
    letters = [word for word in words if is_letter(word[0])]
    others = [pattern([word]) for word in words if not is_letter(word[0])]
    if letters:
        spelled = "|".join(map(_spelled, letters))
        others.append(f"{_before(letters[0])}(?:{spelled}){_after(letters[0])}")
    return "|".join(others)


def first_filter(words: Sequence[str]) -> Filter | None:
    """The longest run of characters in one of the words that RE2 and memchr find fast: without case, or ASCII with two
    spellings (`[tT]` is a literal to RE2, `[kK\u212a]` isn't). None when there is no such run."""
    runs = [run for word in words for run in _runs(word)]
    if not runs:
        return None
    text = max(runs, key=len)
    return Filter(text, any(len(spellings(char)) > 1 for char in text))


def _runs(word: str) -> list[str]:
    fast = "".join(c if len(spellings(c)) == 1 or (c.isascii() and len(spellings(c)) == 2) else " " for c in word)
    return fast.split()


def _spelled(word: str) -> str:
    return "".join(f"[{all_}]" if len(all_) > 1 else all_ for all_ in map(spellings, word))


def _before(word: str) -> str:
    if is_letter(word[0]):
        return rf"(?:\A|{_NOT_LETTER})"
    return rf"(?:\A|{_NOT_KATAKANA})" if is_katakana(word[0]) else ""


def _after(word: str) -> str:
    if is_letter(word[-1]):
        return rf"(?:\z|{_NOT_LETTER})"
    return rf"(?:\z|{_NOT_KATAKANA})" if is_katakana(word[-1]) else ""


def _between(left: str, right: str) -> str:
    """Two words of one running kind would be one word without a separator; others may touch."""
    same = is_letter(left[-1]) and is_letter(right[0]) or is_katakana(left[-1]) and is_katakana(right[0])
    return _SEPARATOR + ("+" if same else "*")
