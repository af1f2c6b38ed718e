"""Which row groups of a segment a query need not read, by the segment's skip index."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

import numpy as np

from logd.levels import level_of
from logd.query import regex, wildcard
from logd.query.fields import METADATA, RAW_TEXT, TEXT
from logd.query.metadata import is_number
from logd.query.tokens import spellings
from logd.query.tree import And, Equals, Everything, Exists, Fuzzy, Node, Not, Or, Range, Regex, Wildcard, Words
from logd.store import marks, skip_index
from logd.store.skip_index import Groups

#: The row groups that may have a mark.
Having = Callable[[int], Groups]


@contextmanager
def opened(path: Path) -> Iterator[Having]:
    """The skip index as a function, each mark looked up once. Raises OSError and Corrupt, then or when it is called."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        index = skip_index.read(path, file)
        yield functools.cache(lambda mark: index.groups_with(file, mark))
    finally:
        os.close(file)


def may_match(node: Node, having: Having) -> Groups | None:
    """The row groups that may have a hit; None when nothing can be said, and all may."""
    match node:
        case Everything() | Not() | Fuzzy() | Range() | Exists():
            return None
        case Wildcard(field, pattern):
            found = wildcard.of_text(pattern) if field == TEXT else None
            return None if found is None else _words(found.words, having)
        case Regex(field, pattern):
            return _in_text(regex.rewritten(pattern).literals, having) if field == RAW_TEXT else None
        case Words(field, _, words):
            return _words(words, having) if field == TEXT else None
        case Equals(field, value):
            return _equals(field, value, having)
        case And(children):
            known = [groups for child in children if (groups := may_match(child, having)) is not None]
            return np.logical_and.reduce(known) if known else None
        case Or(children):
            return _any([may_match(child, having) for child in children])
        case _:
            assert_never(node)


def _any(found: list[Groups | None]) -> Groups | None:
    known = [groups for groups in found if groups is not None]
    return np.logical_or.reduce(known) if known and len(known) == len(found) else None


def _words(words: tuple[str, ...], having: Having) -> Groups | None:
    found: list[Groups] = []
    for word in words:
        found += [having(marks.of_word(part)) for part in marks.words_of(word.encode())]
        for char in dict.fromkeys(char for char in word if not char.isascii()):
            found.append(np.logical_or.reduce([having(marks.of_code_point(one)) for one in spellings(char)]))
    return _or_anything(found, having)


def _in_text(literals: Sequence[str], having: Having) -> Groups | None:
    """Of stretches of text, found in their case, the words are known but for those at the ends: these may go on."""
    found: list[Groups] = []
    for literal in literals:
        inner = re.findall(r"(?<=[^0-9A-Za-z_])[0-9A-Za-z_]+(?=[^0-9A-Za-z_])", literal)
        found += [having(marks.of_word(word)) for text in inner for word in marks.words_of(text.encode())]
        found += [having(marks.of_code_point(char)) for char in dict.fromkeys(literal) if not char.isascii()]
    return _or_anything(found, having)


def _equals(field: str, value: str, having: Having) -> Groups | None:
    level = level_of(value) if field == "level" else None
    if field.startswith(METADATA) or (field == "level" and level is None):
        return _in_metadata(value, having)
    mark = marks.of_value(field, level or value)
    return None if mark is None else having(mark)


def _in_metadata(value: str, having: Having) -> Groups | None:
    """Of a value the stretches with a letter stand in the JSON; an integer does, or another spelling of it."""
    if is_number(value):
        digits = value.removeprefix("-").encode()
        if not digits.isdigit() or len(digits) > marks.MAX_BYTES:
            return None
        return _or_anything([having(marks.of_word(digits)) | having(marks.ODD_NUMBER)], having)
    parts = [part for part in marks.words_of(value.encode("utf-8", "surrogatepass")) if part.strip(b"0123456789_")]
    return _or_anything([having(marks.of_word(part)) for part in parts], having)


def _or_anything(found: list[Groups], having: Having) -> Groups | None:
    return np.logical_and.reduce(found) | having(marks.ANYTHING) if found else None
