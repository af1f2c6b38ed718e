"""A query tree as an Elasticsearch query: a dict of `bool`, `term`, `range` and the like, never a `query_string`.

It means what sql.py means by the tree, over the documents that backends/index/elasticsearch makes: keywords, times as
`date_nanos`, metadata by paths, each value as a keyword and, if it is a number, as a double. What differs, because
Elasticsearch keeps less of a document than JSON says:

* Objects in arrays are looked into, and arrays in arrays; arrays can't be indexed by a number in the path. `{"a.b": 1}`
  and `{"a": {"b": 1}}` are the same also where it is asked whether `a` has a value; nulls in an object are none.
* A string that is a number (also as Java writes them: `09`, `.5`, `1d`) equals every spelling of that number, and a
  range of strings takes numbers and booleans by their text. Patterns see a number as the line wrote it.
* Numbers beyond doubles are in no range.
* Strings of more than 1,024 characters in metadata, 8,191 in columns and for `message.raw`, aren't found by what they
  say, only that they exist. Patterns that go over separators are searched in `message.raw`. Of a word the first 250
  characters count.
* What Lucene can't: places within a regular expression (`\\b`, `a(^b|c$)d`), over 25 levels of parentheses; and
  patterns and words nearby of over 1,000 characters.
"""

from __future__ import annotations

import math
from typing import Any, Literal, assert_never

from logd.errors import BadRequest
from logd.levels import level_of
from logd.query import elasticsearch_flattened as flattened
from logd.query import elasticsearch_text as text
from logd.query import keyword_sql, metadata
from logd.query.elasticsearch_text import NOTHING, Query
from logd.query.fields import KEYWORDS, METADATA, RAW_TEXT, TEXT, TIMES
from logd.query.time import EPOCH, MICROSECOND
from logd.query.tree import And, Equals, Everything, Exists, Fuzzy, Node, Not, Or, Range, Regex, Wildcard, Words

#: Of a metadata field, the field of its numbers. A name that nobody gives to a key, which would clash.
NUMBER = "@number"
_LEVEL = METADATA + "level"
#: Elasticsearch's own limit is 30 (indices.query.bool.max_nested_depth), and a leaf has up to three levels.
_MAX_DEPTH = 26
#: What date_nanos can hold, in µs; every document lies within.
LAST_NANOS_US = (2**63 - 1) // 1_000
_EXACT_DOUBLES = 2.0**53
#: How metadata is indexed.
Kind = Literal["object", "flattened"]
_Leaf = Equals | Wildcard | Regex | Fuzzy | Range | Exists


def compile_query(node: Node, kind: Kind = "object") -> Query:
    """The query for a tree, over indices whose metadata is of the `kind`. Linear in the tree's size. Raises BadRequest
    for the little that Elasticsearch can't do."""
    return _query(node, 0, kind)


def _query(node: Node, depth: int, kind: Kind) -> Query:
    if depth > _MAX_DEPTH:
        raise BadRequest("bad_query", f"Elasticsearch takes no query nested over {_MAX_DEPTH} deep", "q")
    match node:
        case Everything():
            return {"match_all": {}}
        case And(children):
            wanted = [_query(child, depth + 1, kind) for child in children if not isinstance(child, Not)]
            others = [_query(child.child, depth + 1, kind) for child in children if isinstance(child, Not)]
            return {"bool": {"filter": wanted, "must_not": others}} if children else {"match_all": {}}
        case Or(children):
            return _or(children, depth, kind)
        case Not(child):
            return {"bool": {"must_not": [_query(child, depth + 1, kind)]}}
        case Words(field):
            if field != TEXT:
                raise ValueError(f"words are searched in {TEXT} only, not in {field}")
            return text.words(node)
        case _:
            if node.field in (TEXT, RAW_TEXT):
                return _of_text(node)
            if node.field.startswith(METADATA):
                return _of_metadata(node, kind)
            return _of_column(node, kind)


def _or(children: tuple[Node, ...], depth: int, kind: Kind) -> Query:
    """The single words are one `terms`: each clause of a `bool` counts against Elasticsearch's limit."""
    words = [child.words[0] for child in children if isinstance(child, Words) and len(child.words) == 1]
    others = [child for child in children if not isinstance(child, Words) or len(child.words) != 1]
    some: list[Query] = [{"terms": {text.WORDS: [word[: text.MAX_WORD] for word in words]}}] if words else []
    return _any([*some, *(_query(child, depth + 1, kind) for child in others)])


def _of_text(node: _Leaf) -> Query:
    match node:
        case Wildcard():
            return text.wildcards(node)
        case Regex(field):
            return (text.regex_of_text if field == RAW_TEXT else text.regex_of_words)(node)
        case Fuzzy():
            return text.nearly(node)
        case Exists():
            return _exists(TEXT)
        case Equals() | Range():
            raise ValueError(f"{node.field} is searched by words")
        case _:
            assert_never(node)


def _of_metadata(node: _Leaf, kind: Kind) -> Query:
    if kind == "flattened":
        return flattened.query(node)
    match node:
        case Equals(field, value):
            return _has_value(field, value)
        case Range():
            limits = [str(bound) for bound in (node.low, node.high) if bound is not None]
            return _of_numbers(node) if all(map(metadata.is_number, limits)) else _range(node)
        case Exists(field):
            # A value that is too long for the index is named by _ignored.
            return _any([_exists(field), _exists(f"{field}.*"), {"term": {"_ignored": field}}])
        case _:
            return _pattern(node)


def _of_column(node: _Leaf, kind: Kind) -> Query:
    if node.field in TIMES:
        return _of_times(node)
    if node.field not in KEYWORDS:
        raise ValueError(f"no keyword field: {node.field}")
    if node.field == "level":
        return _of_level(node, kind)
    match node:
        case Equals(field, value):
            return {"term": {field: value}}
        case Range():
            return _range(node)
        case Exists(field):
            return _any([_exists(field), {"term": {"_ignored": field}}])
        case _:
            return _pattern(node)


def _of_level(node: _Leaf, kind: Kind) -> Query:
    """A level that ingest doesn't know is in the metadata; in a query, those that it knows may have any spelling."""
    match node:
        case Equals(_, value):
            level = level_of(value)
            return _of_metadata(Equals(_LEVEL, value), kind) if level is None else {"term": {"level": level}}
        case Range():
            return {"terms": {"level": keyword_sql.levels_in(node)}}
        case Exists():
            return _any([_exists("level"), _of_metadata(Exists(_LEVEL), kind)])
        case Wildcard(_, pattern):
            return _any([text.value_wildcard("level", pattern.upper()), _beside(Wildcard(_LEVEL, pattern), kind)])
        case Regex(_, pattern):
            return _any([text.value_regex("level", f"(?i){pattern}"), _beside(Regex(_LEVEL, pattern), kind)])
        case Fuzzy(_, word, edits):
            return _any([text.near("level", word.upper(), edits), _beside(Fuzzy(_LEVEL, word, edits), kind)])
        case _:
            assert_never(node)


def _beside(node: Wildcard | Regex | Fuzzy, kind: Kind) -> Query:
    return flattened.beside(node) if kind == "flattened" else _pattern(node)


def _pattern(node: Wildcard | Regex | Fuzzy) -> Query:
    match node:
        case Wildcard(field, pattern):
            return text.value_wildcard(field, pattern)
        case Regex(field, pattern):
            return text.value_regex(field, pattern)
        case Fuzzy(field, word, edits):
            return text.near(field, word, edits)
        case _:
            assert_never(node)


def _has_value(field: str, value: str) -> Query:
    term: Query = {"term": {field: value}}
    number = float(value) if metadata.is_number(value) else math.inf
    if abs(number) >= _EXACT_DOUBLES:
        return term
    return _any([term, _between(field, number, number)])


def _of_numbers(node: Range) -> Query:
    low, high = metadata.numbers(node)
    return _between(node.field, low, high) if low <= high else NOTHING


def _between(field: str, low: float, high: float) -> Query:
    """Both included. Lucene tells -0.0 from 0.0, and puts it first."""
    if low == math.inf or high == -math.inf:
        return NOTHING  # nothing is beyond doubles
    limits = {}
    if low > -math.inf:
        limits["gte"] = low or -0.0
    if high < math.inf:
        limits["lte"] = high or 0.0
    return {"range": {f"{field}.{NUMBER}": limits}} if limits else _exists(f"{field}.{NUMBER}")


def _range(node: Range) -> Query:
    return {"range": {node.field: _limits(node, node.low, node.high)}}


def _limits(node: Range, low: Any, high: Any) -> dict[str, Any]:
    limits = {}
    if low is not None:
        limits["gte" if node.low_included else "gt"] = low
    if high is not None:
        limits["lte" if node.high_included else "lt"] = high
    return limits


def _of_times(node: _Leaf) -> Query:
    if isinstance(node, Exists):
        return _exists(node.field)
    if not isinstance(node, Range):
        raise ValueError(f"{node.field} is searched by ranges")
    low = 0 if node.low is None else int(node.low) + (not node.low_included)
    high = LAST_NANOS_US if node.high is None else int(node.high) - (not node.high_included)
    return times(node.field, low, high + 1)


def times(field: str, from_us: int | None, to_us: int | None) -> Query:
    """A time field lies between Unix µs, the first included and the second not."""
    low, high = max(from_us or 0, 0), LAST_NANOS_US if to_us is None else min(to_us - 1, LAST_NANOS_US)
    if low > high:
        return NOTHING
    return {"range": {field: {"gte": _iso(low), "lte": _iso(high)}}}


def _iso(micros: int) -> str:
    """What date_nanos takes: numbers would be milliseconds."""
    return f"{EPOCH + micros * MICROSECOND:%Y-%m-%dT%H:%M:%S.%fZ}"


def _exists(field: str) -> Query:
    return {"exists": {"field": field}}


def _any(some: list[Query]) -> Query:
    if not some:
        return NOTHING
    return some[0] if len(some) == 1 else {"bool": {"should": some, "minimum_should_match": 1}}
