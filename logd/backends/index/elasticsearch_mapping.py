"""The index template: how Elasticsearch keeps records, one index a day.

`message` is for people who ask Elasticsearch themselves, with its standard analyzer; logd asks `words`, `runs` and
`message.raw`, the first two of which are indexed and not kept, and adds up `message_bytes`, which isn't kept either.
Every value of the metadata is a keyword, and what is a
number is one beside that too, under a name of its own: no two records can disagree about a field's type. Beyond the
limit of fields, metadata is kept and not indexed. What is left out of `_source` has Elasticsearch write it anew, with
doubles for fractions, 1e3 as 1000.0: elasticsearch_body.py keeps the text of such metadata.

As "flattened", metadata is one field: as many names as there are, each value a keyword, and none a number.
"""

from __future__ import annotations

from typing import Any

from logd.backends.index.elasticsearch_names import PREFIX, RESTORED
from logd.config.schema import Elasticsearch as Settings
from logd.query.elasticsearch import NUMBER, Kind
from logd.query.elasticsearch_text import RUNS, WORDS

#: A keyword has at most 32,766 bytes, and a character up to four of these.
_LONGEST_KEYWORD = 8_191
_LONGEST_VALUE = 1_024
#: How long the message is in UTF-8, for sums alone.
MESSAGE_BYTES = "message_bytes"
_KEYWORD = {"type": "keyword", "ignore_above": _LONGEST_KEYWORD}
_TIME = {"type": "date_nanos", "format": "strict_date_optional_time_nanos"}
_OWN_WORDS = {"type": "text", "analyzer": "whitespace", "norms": False}
#: Of the embedded parser's: nothing is deeper.
_DEEPEST = 1_000
#: New indices go to hot nodes, where some are told to be that; to any that takes data elsewhere.
_TIERS = "data_hot,data_content"
#: What is put back goes to warm nodes, where there are any.
_BACK = f"data_warm,{_TIERS}"
#: Room for the expressions that stand for patterns, in which each character can be a set; Elasticsearch's own is 1,000.
_LONGEST_EXPRESSION = 200_000
_OBJECT = {"type": "object", "dynamic": True, "subobjects": False}
#: One field, whatever the names. A value's term has its name in it, and its own limit is that of keywords.
_FLATTENED = {"type": "flattened", "depth_limit": _DEEPEST, "ignore_above": _LONGEST_VALUE}
_VALUES = {
    "path_match": "metadata.*",
    "mapping": {
        "type": "keyword",
        "ignore_above": _LONGEST_VALUE,
        "fields": {NUMBER: {"type": "double", "ignore_malformed": True}},
    },
}


def mappings(metadata: Kind) -> dict[str, Any]:
    """How the fields of a record are indexed; what isn't named is only kept."""
    return {
        "dynamic": False,
        "date_detection": False,
        "numeric_detection": False,
        "_source": {"excludes": [WORDS, RUNS, MESSAGE_BYTES]},
        "dynamic_templates": [{"metadata": _VALUES}],
        "properties": {
            # Sorting by `_id` takes memory that is only there when a setting allows it.
            "log_id": {"type": "keyword"},
            "timestamp": _TIME,
            "ingested_at": _TIME,
            **dict.fromkeys(("level", "service", "host", "source", "tags", "trace_id"), _KEYWORD),
            "message": {"type": "text", "norms": False, "fields": {"raw": {**_KEYWORD, "doc_values": False}}},
            MESSAGE_BYTES: {"type": "integer", "index": False},
            WORDS: _OWN_WORDS,
            RUNS: _OWN_WORDS,
            "metadata": _OBJECT if metadata == "object" else _FLATTENED,
        },
    }


def restored_template(made: Settings) -> dict[str, Any]:
    """The template for what is put back from the archive: for a while, without copies, and not searchable before all of
    it is there."""
    whole = template(made)
    whole["index_patterns"] = [f"{RESTORED}*"]
    settings = whole["template"]["settings"]["index"]
    settings |= {
        "number_of_replicas": 0,
        "refresh_interval": "-1",
        "routing.allocation.include._tier_preference": _BACK,
    }
    return whole


def template(made: Settings) -> dict[str, Any]:
    """The template for all indices of records."""
    settings = {
        "number_of_shards": made.shards,
        "number_of_replicas": made.replicas,
        "refresh_interval": f"{int(made.refresh_seconds * 1000)}ms",
        "codec": "best_compression",
        "max_regex_length": _LONGEST_EXPRESSION,
        "mapping.ignore_malformed": True,
        "mapping.total_fields.limit": made.max_fields,
        "mapping.total_fields.ignore_dynamic_beyond_limit": True,
        "routing.allocation.include._tier_preference": _TIERS,
    }
    return {
        "index_patterns": [f"{PREFIX}*"],
        "priority": 500,
        "template": {"settings": {"index": settings}, "mappings": mappings(made.metadata)},
    }
