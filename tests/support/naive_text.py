"""Patterns and distances on one text, the slow and obvious way. Shares the tokenizer's table with the product."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logd.query.tokens import is_katakana, is_letter, is_separator, lower


def is_near(words: list[str], text: list[str], slop: int) -> bool:
    """Lucene's sloppy phrase: each word has a place of its own, and the places less those in the phrase differ by at
    most `slop`. Without one the words are side by side."""
    if not words:
        return False
    if not slop:
        return any(text[at : at + len(words)] == words for at in range(len(text)))

    def placed(number: int, used: tuple[int, ...]) -> bool:
        if number == len(words):
            moves = [place - number for number, place in enumerate(used)]
            return max(moves) - min(moves) <= slop
        here = [place for place, word in enumerate(text) if word == words[number] and place not in used]
        return any(placed(number + 1, (*used, place)) for place in here)

    return placed(0, ())


def glob(pattern: str, text: str) -> bool:
    """`*` and `?`, unless a backslash is before them, on the whole text."""
    if not pattern:
        return not text
    match pattern[0]:
        case "*":
            return any(glob(pattern[1:], text[at:]) for at in range(len(text) + 1))
        case "?":
            return bool(text) and glob(pattern[1:], text[1:])
        case "\\" if len(pattern) > 1:
            return text[:1] == pattern[1] and glob(pattern[2:], text[1:])
        case char:
            return text[:1] == char and glob(pattern[1:], text[1:])


def text_has(pattern: str, text: str) -> bool:
    """The pattern's pieces stand in the text, separators between them. At its ends a letter begins or ends a word, a
    `?` follows or precedes a separator."""
    pieces = list(_pieces(lower(pattern)))
    text = lower(text)
    return bool(pieces) and any(
        _follow(pieces, text, at) for at in range(len(text) + 1) if _begins(pieces[0], text, at)
    )


def _pieces(pattern: str) -> Iterator[str]:
    piece = ""
    for item in re.findall(r"\\.|.", pattern, re.DOTALL):
        if item not in "*?" and is_separator(item[-1]):
            if piece:
                yield piece
            piece = ""
        else:
            piece += item
    if piece:
        yield piece


def _follow(pieces: list[str], text: str, start: int) -> bool:
    """The pieces match from here on."""
    for end in range(start, len(text) + 1):
        if any(map(is_separator, text[start:end])):
            return False
        if set(pieces[0]) == {"*"} and end == start:
            continue
        if not glob(pieces[0], text[start:end]):
            continue
        if len(pieces) == 1:
            if _ends(pieces[0], text, end):
                return True
            continue
        after = end
        while after < len(text) and is_separator(text[after]):
            after += 1
            if _follow(pieces[1:], text, after):
                return True
    return False


def _begins(piece: str, text: str, at: int) -> bool:
    before = text[at - 1 : at]
    first = piece[1] if piece[0] == "\\" and len(piece) > 1 else piece[0]
    if piece[0] == "*" or not before:
        return True
    if piece[0] == "?":
        return is_separator(before)
    return not any(runs_on(first) and runs_on(before) for runs_on in (is_letter, is_katakana))


def _ends(piece: str, text: str, at: int) -> bool:
    after, last = text[at : at + 1], piece[-1]
    if last == "*" or not after:
        return True
    if last == "?":
        return is_separator(after)
    return not any(runs_on(last) and runs_on(after) for runs_on in (is_letter, is_katakana))


def whole_words(text: str) -> list[str]:
    """What stands between separators, lower-cased."""
    spaced = "".join(" " if is_separator(char) else char for char in lower(text))
    return [word for word in spaced.split(" ") if word]


def regex_matches(pattern: str, text: str | None, *, anywhere: bool = False, any_case: bool = False) -> bool:
    """Python's own expressions mean the same, as far as the tests write them."""
    if text is None:
        return False
    compiled = re.compile(pattern, re.DOTALL | re.ASCII | (re.IGNORECASE if any_case else 0))
    return (compiled.search(text) if anywhere else compiled.fullmatch(text)) is not None


def distance(left: str, right: str) -> int:
    """Damerau's and Levenshtein's: characters put in, left out, replaced or swapped with their neighbour."""
    last_row: dict[str, int] = {}
    longest = len(left) + len(right)
    table = [[longest] * (len(right) + 2) for _ in range(len(left) + 2)]
    for row in range(len(left) + 1):
        table[row + 1][1] = row
    for column in range(len(right) + 1):
        table[1][column + 1] = column
    for row, one in enumerate(left, 1):
        last_column = 0
        for column, other in enumerate(right, 1):
            swap_row, swap_column = last_row.get(other, 0), last_column
            if one == other:
                last_column = column
            table[row + 1][column + 1] = min(
                table[row][column] + (one != other),
                table[row + 1][column] + 1,
                table[row][column + 1] + 1,
                table[swap_row][swap_column] + (row - swap_row - 1) + 1 + (column - swap_column - 1),
            )
        last_row[one] = row
    return table[-1][-1]
