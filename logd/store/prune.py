"""Which row groups of a segment a query need not read, by the segment's skip index."""

from __future__ import annotations

import functools
import operator
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
from logd.store import files, marks, skip_index
from logd.store.files import Ranges
from logd.store.skip_index import Groups

#: The row groups that may have a mark.
Having = Callable[[int], Groups]


@contextmanager
def opened(path: Path) -> Iterator[Having]:
    """The skip index as a function, each mark looked up once. Raises OSError and Corrupt, then or when it is called."""
    with files.opened(path) as file:
        yield asking(file)


def asking(file: Ranges) -> Having:
    """The same of a file that is open somewhere. Raises as what it is read by, and Corrupt."""
    index = skip_index.read(file)
    return functools.cache(lambda mark: index.groups_with(file, mark))


def may_match(node: Node, having: Having) -> Groups | None:
    """The row groups that may have a hit; None when nothing can be said, and all may."""
    match node:
        case Everything() | Not():
            return None
        case Equals(field, value):
            return _equals(field, value, having)
        case Fuzzy(field) | Range(field) | Exists(field) | Wildcard(field) | Regex(field) if field.startswith(METADATA):
            return _in_metadata(field, "", having)
        case Fuzzy() | Range() | Exists():
            return None
        case Wildcard(field, pattern):
            found = wildcard.of_text(pattern) if field == TEXT else None
            return None if found is None else _words(found.words, having)
        case Regex(field, pattern):
            return _in_text(regex.rewritten(pattern).literals, having) if field == RAW_TEXT else None
        case Words(field, _, words):
            return _words(words, having) if field == TEXT else None
        case And(children):
            known = [groups for child in children if (groups := may_match(child, having)) is not None]
            return np.logical_and.reduce(known) if known else None
        case Or(children):
            return _any([may_match(child, having) for child in children])
        case _:
            assert_never(node)


def left_of(node: Node, having: Having) -> Node:
    """The part of a query that can have hits in the segment: alternatives that no row group may have are left out. The
    same object when none is."""
    match node:
        case And(children):
            kept = tuple(left_of(child, having) for child in children)
            return node if _same(kept, children) else And(kept)
        case Or(children):
            found = [(child, may_match(child, having)) for child in children]
            kept = tuple(left_of(child, having) for child, groups in found if groups is None or groups.any())
            if not kept or _same(kept, children):
                return node
            return kept[0] if len(kept) == 1 else Or(kept)
        case _:
            return node


def _same(kept: tuple[Node, ...], children: tuple[Node, ...]) -> bool:
    return len(kept) == len(children) and all(map(operator.is_, kept, children))


def _any(found: list[Groups | None]) -> Groups | None:
    known = [groups for groups in found if groups is not None]
    return np.logical_or.reduce(known) if known and len(known) == len(found) else None


def _words(words: tuple[str, ...], having: Having) -> Groups | None:
    wanted: list[list[int]] = []
    for word in words:
        wanted += [[marks.of_word(part)] for part in marks.words_of(word.encode())]
        for char in dict.fromkeys(char for char in word if not char.isascii()):
            wanted.append([marks.of_code_point(one) for one in spellings(char)])
    return _or_anything(wanted, having)


def _in_text(literals: Sequence[str], having: Having) -> Groups | None:
    """Of stretches of text, found in their case, the words are known but for those at the ends: these may go on."""
    wanted: list[list[int]] = []
    for literal in literals:
        inner = re.findall(r"(?<=[^0-9A-Za-z_])[0-9A-Za-z_]+(?=[^0-9A-Za-z_])", literal)
        wanted += [[marks.of_word(word)] for text in inner for word in marks.words_of(text.encode())]
        wanted += [[marks.of_code_point(char)] for char in dict.fromkeys(literal) if not char.isascii()]
    return _or_anything(wanted, having)


def _equals(field: str, value: str, having: Having) -> Groups | None:
    level = level_of(value) if field == "level" else None
    if field == "level" and level is None:
        return _in_metadata(METADATA + field, value, having)
    if field.startswith(METADATA):
        return _in_metadata(field, value, having)
    mark = marks.of_value(field, level or value)
    return None if mark is None else having(mark)


def _in_metadata(field: str, value: str, having: Having) -> Groups | None:
    """Of names and a value the stretches with a letter stand in the JSON; so does an integer, or one spelled so."""
    wanted: list[list[int]] = []
    if not is_number(value):
        wanted += [[marks.of_word(word)] for word in _lettered(value)]
    elif (digits := value.removeprefix("-").encode()).isdigit() and len(digits) <= marks.MAX_BYTES:
        wanted.append([marks.of_word(digits), marks.ODD_NUMBER])
    wanted += [[marks.of_word(word)] for word in _lettered(field.removeprefix(METADATA))]
    return _or_anything(wanted, having)


def _lettered(text: str) -> list[bytes]:
    return [word for word in marks.words_of(text.encode("utf-8", "surrogatepass")) if word.strip(b"0123456789_")]


def _or_anything(wanted: list[list[int]], having: Having) -> Groups | None:
    """With one of each, or with what has anything. Those after the first that rules out all needn't be looked up: the
    rarest should come first."""
    if not wanted:
        return None
    found: Groups | None = None
    for marks_of_one in wanted:
        some = np.logical_or.reduce([having(mark) for mark in marks_of_one])
        found = some if found is None else found & some
        if not found.any():
            break
    assert found is not None
    return found | having(marks.ANYTHING)
