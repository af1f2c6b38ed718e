"""Words that are up to two edits away: which text can have one, cheaply.

The distance is Damerau's and Levenshtein's, as DuckDB computes it: a character put in, left out, replaced, or swapped
with its neighbour is an edit. It takes words one by one, which costs 6 µs a line; so first a regular expression says
which lines can have such a word. It is made of ASCII and takes all else for letters: of a text that is ASCII it says
exactly that.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from logd.query.tokens import is_letter
from logd.query.words import spelled

MAX_EDITS = 2
#: Elasticsearch's AUTO: words shorter than this are meant as they are; from the second length on two edits count.
_FIRST_EDIT, _SECOND_EDIT = 3, 6
#: The pattern's size grows with the square of the word's length, or for two edits with its third power. Longer words
#: are told apart well enough by their parts.
_MOST_CHARACTERS = (64, 48, 14)
_LETTER = r"[0-9A-Za-z_\x{80}-\x{10ffff}]"
_NO_LETTER = r"[^0-9A-Za-z_]"


def near(value: str, word: str, edits: int, least: int = 0) -> str:
    """SQL for whether the SQL `value`, of `least` characters and more, is as near; its parameter is the word."""
    # Each edit changes the length by one at most; and the distance to a megabyte takes long.
    low, high = max(least, len(word) - edits), len(word) + edits
    return f"(length({value}) BETWEEN {low} AND {high} AND damerau_levenshtein({value}, ?) <= {edits})"


def is_near(text: str, word: str, edits: int) -> bool:
    """The same of one text, in Python: for few of them."""
    if abs(len(text) - len(word)) > edits:
        return False
    rows: list[list[int]] = [list(range(len(word) + 1))]
    last_row: dict[str, int] = {}
    for row, char in enumerate(text, 1):
        here = [row]
        last_column = 0
        for column, other in enumerate(word, 1):
            above = rows[row - 1]
            cost = min(above[column], here[column - 1]) + 1
            cost = min(cost, above[column - 1] + (char != other))
            if (swapped := last_row.get(other, 0)) and last_column:
                between = (row - swapped - 1) + (column - last_column - 1)
                cost = min(cost, rows[swapped - 1][last_column - 1] + between + 1)
            here.append(cost)
            if char == other:
                last_column = column
        if min(here) > edits + 1:  # a swap may come back from one more
            return False
        rows.append(here)
        last_row[char] = row
    return rows[-1][-1] <= edits


class First(NamedTuple):
    """RE2's pattern for texts that may have the word, which have it if they are ASCII and this is `exact`."""

    pattern: str
    exact: bool


def auto_edits(word: str) -> int:
    """How many edits are meant when none are given."""
    return (len(word) >= _FIRST_EDIT) + (len(word) >= _SECOND_EDIT)


def first(word: str, edits: int) -> First:
    """What comes before the distance. `word` is lower-cased."""
    if len(word) <= _MOST_CHARACTERS[edits]:
        within = _within(tuple(map(spelled, word)), edits, {})
        if len(word) <= edits or not is_letter(word[0]):
            return First(within, False)  # Han, Katakana and the like may touch other words
        return First(rf"(?:\A|{_NO_LETTER}){within}(?:\z|{_NO_LETTER})", True)
    return First("|".join(map(spelled, _parts(word, edits))), False)


def _within(chars: tuple[str, ...], edits: int, known: dict[tuple[int, int], str]) -> str:
    """Matches what is so many edits away from the characters."""
    key = (len(chars), edits)
    if key not in known:
        known[key] = "".join(chars) if not edits else f"(?:{'|'.join(_ways(chars, edits, known))})"
    return known[key]


def _ways(chars: tuple[str, ...], edits: int, known: dict[tuple[int, int], str]) -> list[str]:
    if not chars:
        return [f"{_LETTER}{{0,{edits}}}"]
    left = edits - 1
    ways = [
        chars[0] + _within(chars[1:], edits, known),
        f"{_LETTER}?" + _within(chars[1:], left, known),
        _LETTER + _within(chars, left, known),
    ]
    if len(chars) > 1:
        ways.append(chars[1] + chars[0] + _within(chars[2:], left, known))
    if edits > 1:
        # Swapped, and one put in or left out between them.
        ways += [chars[1] + _LETTER + chars[0] + _within(chars[2:], 0, known)] if len(chars) > 1 else []
        ways += [chars[2] + chars[0] + _within(chars[3:], 0, known)] if len(chars) > 2 else []
    return ways


def _parts(word: str, edits: int) -> list[str]:
    """One of these is in every word that near. Cut into one part more than there are edits, a part stays whole; but for
    two characters that are swapped across a cut, after which the part before it ends in the other one."""
    size = -(-len(word) // (edits + 1))
    parts = [word[at : at + size] for at in range(0, len(word), size)]
    swapped = [left[:-1] + right[0] + left[-1] for left, right in pairwise(parts)]
    return [*parts, *swapped]
