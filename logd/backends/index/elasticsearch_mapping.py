"""The index template: how Elasticsearch keeps records, one index a day.

`message` is for people who ask Elasticsearch themselves, with its standard analyzer; logd asks `words`, `runs` and
`message.raw`, the first two of which are indexed and not kept. Every value of the metadata is a keyword, and what is a
number is one beside that too, under a name of its own: no two records can disagree about a field's type. Beyond the
limit of fields, metadata is kept and not indexed. What is left out of `_source` has Elasticsearch write it anew, with
doubles for fractions: 1e3 comes back as 1000.0, and digits beyond doubles are lost.
"""

from __future__ import annotations

from typing import Any

from logd.query.elasticsearch import NUMBER
from logd.query.elasticsearch_text import RUNS, WORDS

PREFIX = "logs-"
#: A keyword has at most 32,766 bytes, and a character up to four of these.
_LONGEST_KEYWORD = 8_191
_LONGEST_VALUE = 1_024
_KEYWORD = {"type": "keyword", "ignore_above": _LONGEST_KEYWORD}
_TIME = {"type": "date_nanos", "format": "strict_date_optional_time_nanos"}
_OWN_WORDS = {"type": "text", "analyzer": "whitespace", "norms": False}
#: Room for the expressions that stand for patterns, in which each character can be a set; Elasticsearch's own is 1,000.
_LONGEST_EXPRESSION = 200_000
MAPPINGS: dict[str, Any] = {
    "dynamic": False,
    "date_detection": False,
    "numeric_detection": False,
    "_source": {"excludes": [WORDS, RUNS]},
    "dynamic_templates": [
        {
            "metadata": {
                "path_match": "metadata.*",
                "mapping": {
                    "type": "keyword",
                    "ignore_above": _LONGEST_VALUE,
                    "fields": {NUMBER: {"type": "double", "ignore_malformed": True}},
                },
            }
        }
    ],
    "properties": {
        # Sorting by `_id` takes memory that is only there when a setting allows it.
        "log_id": {"type": "keyword"},
        "timestamp": _TIME,
        "ingested_at": _TIME,
        **dict.fromkeys(("level", "service", "host", "source", "tags", "trace_id"), _KEYWORD),
        "message": {"type": "text", "norms": False, "fields": {"raw": {**_KEYWORD, "doc_values": False}}},
        WORDS: _OWN_WORDS,
        RUNS: _OWN_WORDS,
        "metadata": {"type": "object", "dynamic": True, "subobjects": False},
    },
}


def template(shards: int, replicas: int, refresh_seconds: float, max_fields: int) -> dict[str, Any]:
    """The template for all indices of records."""
    settings = {
        "number_of_shards": shards,
        "number_of_replicas": replicas,
        "refresh_interval": f"{int(refresh_seconds * 1000)}ms",
        "codec": "best_compression",
        "max_regex_length": _LONGEST_EXPRESSION,
        "mapping.ignore_malformed": True,
        "mapping.total_fields.limit": max_fields,
        "mapping.total_fields.ignore_dynamic_beyond_limit": True,
    }
    return {
        "index_patterns": [f"{PREFIX}*"],
        "priority": 500,
        "template": {"settings": {"index": settings}, "mappings": MAPPINGS},
    }
