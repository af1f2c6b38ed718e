"""Phrases whose words may stand apart: Lucene's sloppy phrase, over the list of a text's words.

The words w0 w1 … match where each has an occurrence of its own, at p0 p1 …, so that p0 - 0, p1 - 1, … differ by at
most the slop. So `"a b"~1` finds `a x b`, and `"a b"~2` also `b a`: two words that swap move by two.

For a start s all these numbers must lie from s to s + slop: word i within a window of slop + 1 words that begins at
s + i. A word that comes several times needs as many occurrences in what these windows cover, and by Hall's theorem
that is enough. DuckDB holds all windows of some thousand texts at once, so a text becomes a string with one letter for
each word, and is looked at in its first words only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

#: Each word compares a window at every word of the text, and is a letter.
MAX_WORDS = 32
#: Windows are so large; what people mean by "near" is nearer.
MAX_SLOP = 100
#: Of longer texts the rest isn't looked at: 2,048 of these, 100 bytes a window, take 200 MB at most.
_TEXT_WORDS = 1_000


def condition(text: str, words: Sequence[str], slop: int, parameters: list[str | float]) -> str:
    """SQL for whether the list of words that the SQL `text` gives has the phrase. `text` stands in it once, first; its
    parameters are the caller's to add before."""
    letters = {word: chr(ord("A") + number) for number, word in enumerate(dict.fromkeys(words))}
    parameters += letters
    cases = " ".join(f"WHEN ? THEN '{letter}'" for letter in letters.values())
    spelled = f"array_to_string(list_transform(({text})[:{_TEXT_WORDS}], lambda w: CASE w {cases} ELSE '.' END), '')"
    windows = []
    for word, letter in letters.items():
        places = [place for place, other in enumerate(words) if other == word]
        for low, high in combinations_with_replacement(range(len(places)), 2):
            windows.append(_window(places[low], places[high] + slop, letter, high - low + 1))
    # Places count from 1; the first window may begin before the text.
    starts = f"range({2 - len(words)}, length(t) + 1)"
    inner = f"len(list_filter({starts}, lambda s: {' AND '.join(windows)})) > 0"
    return f"list_bool_or(list_transform([{spelled}], lambda t: {inner}))"  # a lambda, to name the string


def _window(first: int, last: int, letter: str, times: int) -> str:
    """The letter is so often among those from s + first to s + last."""
    begin = f"greatest(1, s + {first})"
    part = f"substring(t, {begin}, greatest(0, s + {last} - {begin} + 1))"
    if times == 1:
        return f"contains({part}, '{letter}')"
    return f"regexp_matches({part}, '(?:{letter}.*){{{times}}}')"
