"""Elasticsearch queries for metadata that is one `flattened` field: each value is a keyword, whatever it was.

A number is its text as the line wrote it, so 42.0 doesn't find 42. Ranges go by text, too; who asks for one of numbers
is refused, and so is who asks for a pattern (but one that only ends with a star) or for what is near: Elasticsearch
can't tell one name's values from another's there. What is searched elsewhere as well, as a level is, is searched only
there. Whether an object has a value can't be told, nor whether there is one that is too long.
"""

from __future__ import annotations

from logd.errors import BadRequest
from logd.query import metadata, wildcard
from logd.query.elasticsearch_text import NOTHING, Query
from logd.query.tree import Equals, Exists, Fuzzy, Range, Regex, Wildcard
from logd.query.wildcard import Any as Wild

#: Behind all text.
_LAST = "\U0010ffff"


def query(node: Equals | Wildcard | Regex | Fuzzy | Range | Exists) -> Query:
    """The query for one field of the metadata. Raises BadRequest for what can't be asked."""
    match node:
        case Equals(field, value):
            return {"term": {field: value}}
        case Exists(field):
            return {"exists": {"field": field}}
        case Wildcard(field, pattern):
            return _wildcard(field, pattern)
        case Range():
            return _range(node)
        case Regex(field):
            raise _refused(field, "regular expressions")
        case Fuzzy(field):
            raise _refused(field, "words nearby")


def beside(node: Wildcard | Regex | Fuzzy) -> Query:
    """The same, for what is searched elsewhere as well."""
    try:
        return query(node)
    except BadRequest:
        return NOTHING


def _wildcard(field: str, pattern: str) -> Query:
    match wildcard.parts(pattern):
        case (Wild.RUN,):
            return {"exists": {"field": field}}
        case (str(value),):
            return {"term": {field: value}}
        case (str(value), Wild.RUN):
            return {"prefix": {field: {"value": value}}}
        case _:
            raise _refused(field, "wildcards but one at the end")


def _range(node: Range) -> Query:
    bounds = [str(bound) for bound in (node.low, node.high) if bound is not None]
    if all(map(metadata.is_number, bounds)):
        raise _refused(node.field, "ranges of numbers")
    low = {"gte" if node.low_included else "gt": node.low} if node.low is not None else {"gte": ""}
    high = {"lte" if node.high_included else "lt": node.high} if node.high is not None else {"lte": _LAST}
    return {"range": {node.field: {**low, **high}}}


def _refused(field: str, what: str) -> BadRequest:
    why = 'index.elasticsearch.metadata is "flattened"'
    return BadRequest("bad_query", f"{field} can't be searched by {what}, as {why}", "q")
