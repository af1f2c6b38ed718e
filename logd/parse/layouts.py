"""Which layouts, lists of top-level keys, are so frequent that a query of json.py knows them.

Most streams are written by a few programs, of which each always writes the same keys. What is learned changes what a
line costs, never what it gives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from logd.parse.json import KNOWN, NAMES, Layout
from logd.parse.lines import Ints

Hashes = np.ndarray[Any, np.dtype[np.uint64]]

#: Of the lines of no known layout in a batch, so many must be of one for it to be learned …
_FREQUENT = 0.05
#: … and at least so many: planning the query anew takes 30 ms.
_FEWEST_LINES = 500
#: Each costs a comparison a line, and each other key 0.01 µs.
_MOST_LAYOUTS, _MOST_OTHERS = 8, 48
#: Batches with frequent lines of no known layout, until what is known is given up for those: programs change.
_PATIENCE = 256
#: What needs no escape in SQL or JSON.
_SIMPLE = re.compile(r"[A-Za-z0-9_.@:/$-]{1,64}")
#: Names whose value may be consumed, by the column; a severity's number and `log` depend on what else there is.
_COLUMN = {name: role for role, names in NAMES.items() if role not in ("number", "log") for name in names}


class Layouts:
    """Those that are known now. `names` are those of columns."""

    def __init__(self, names: Set[str] = KNOWN) -> None:
        self.known: tuple[Layout, ...] = ()
        self._names = names
        self._judged: set[int] = set()
        self._in_vain = 0

    def frequent(self, hashes: Hashes, counts: Ints) -> Hashes:
        """Of a batch's layouts that aren't known those that are worth to be, and that weren't tried."""
        enough = max(_FEWEST_LINES, int(_FREQUENT * counts.sum()))
        often = hashes[counts >= enough]
        if len(often):
            self._in_vain += 1
        if self._in_vain > _PATIENCE:
            self._in_vain = 0
            self.known = ()
            self._judged.clear()
        return often[[hashed not in self._judged for hashed in often.tolist()]]

    def learn(self, hashed: int, keys: Sequence[str]) -> None:
        """The layout of lines with these keys, if a query can know it and there is room."""
        self._judged.add(hashed)
        layout = layout_of(hashed, keys, self._names)
        if layout is None:
            return
        known = (*self.known, layout)
        others = {name for one in known for name in one.others}
        if (
            len(known) <= _MOST_LAYOUTS
            and len(others) <= _MOST_OTHERS
            and len({*map(str.lower, others)}) == len(others)
        ):
            self.known = known


def layout_of(hashed: int, keys: Sequence[str], names: Set[str] = KNOWN) -> Layout | None:
    """The layout of these keys, None where a query can't know it."""
    others = tuple(key for key in keys if key not in names)
    columns = [_COLUMN.get(key) for key in keys if key in names]
    if not others or len(set(keys)) < len(keys) or None in columns or len(set(columns)) < len(columns):
        return None
    # Fields of one struct, whose names are without case.
    folded = {name.lower() for name in (*KNOWN, *others)}
    if len(folded) < len(KNOWN.union(others)) or not all(map(_SIMPLE.fullmatch, others)):
        return None
    return Layout(hashed, len(columns), others)
