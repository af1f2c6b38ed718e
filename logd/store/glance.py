"""A look at one column of a row group that the skip index takes for a hit: whether anything of it can be one.

Reading one column and comparing it takes a quarter of what the whole condition does, and of few row groups among many
some are always false hits. What is found is a superset of the hits, or nothing is said.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from logd.query.fields import TEXT
from logd.query.tree import And, Equals, Node, Words
from logd.query.words import first_filter

#: Of other columns many row groups have every value.
_IDS = ("trace_id", "log_id")


class Glance(NamedTuple):
    """A hit has `text` in the column, in some case if `any_case`; or it is `text`, if `whole`."""

    column: str
    text: str
    any_case: bool = False
    whole: bool = False

    def finds(self, column: pa.ChunkedArray) -> bool:
        """Whether a row can be a hit."""
        if self.whole:
            found = pc.equal(column, self.text)
        else:
            found = pc.match_substring(column, self.text, ignore_case=self.any_case)
        return bool(pc.any(found).as_py())


def glance(query: Node) -> Glance | None:
    """What to look for; None when one column doesn't tell."""
    match query:
        case Words(field, _, words) if field == TEXT and words and (text := first_filter(words)):
            return Glance(TEXT, text.text, text.any_case)
        case Equals(field, value) if field in _IDS:
            return Glance(field, value, whole=True)
        case And(children):
            return next((found for child in children if (found := glance(child))), None)
    return None
