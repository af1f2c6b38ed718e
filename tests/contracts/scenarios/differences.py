"""Where Elasticsearch deliberately finds something else than the embedded index, and why."""

from __future__ import annotations

_LONG_WORDS = "of a word the first 250 characters count: Lucene's tokenizer cuts words at 255 units"
_LONG_VALUES = (
    "of metadata only strings of up to 1,024 characters are indexed, so that no one value makes an index large"
)

#: The query, what it finds there, and why.
ON_ELASTICSEARCH: dict[str, tuple[str, str]] = {
    "user_id:42.0": ("ab", "a string that is a number is indexed as the number, too"),
    "_exists_:http": ("acdef", "the mapping doesn't tell a dot in a name from an object in an object"),
    "x" * 299: ("x", _LONG_WORDS),
    "x" * 301: ("x", _LONG_WORDS),
    "/y{251}/": ("", _LONG_WORDS),
    "long:" + "z" * 2000: ("", _LONG_VALUES),
    "long:z*": ("", _LONG_VALUES),
}
