"""What a search asks Elasticsearch, and which indices it looks at, without doing it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import msgspec

from logd.backends.index.elasticsearch_names import PREFIX, indices, parsed
from logd.backends.index.elasticsearch_search import Asking, request_of
from logd.query.describe import time_text
from logd.query.times import narrowed
from logd.seams import Archived, Search

#: Of the indices that are shown one by one.
_MOST_SHOWN = 100


async def explain(asking: Asking, asked: Search) -> dict[str, Any]:
    """For people. Raises Unavailable, and BadRequest for what can't be asked."""
    from_us, to_us = narrowed(asked.query, asked.from_us, asked.to_us)
    patterns = indices(from_us, to_us)
    body = request_of(asking, asked)
    stats = msgspec.json.decode(await asking.client.ask("GET", f"/{PREFIX}*/_stats/docs"))
    documents = {
        name: int(one.get("primaries", {}).get("docs", {}).get("count", 0))
        for name, one in stats.get("indices", {}).items()
    }
    in_time = {name for name in documents if any(fnmatchcase(name, pattern) for pattern in patterns)}
    read = {name for name in in_time if not _is_archived(name, asked.archived)}
    each = [
        {"index": name, "rows": documents[name], "read": name in read}
        for name in sorted(documents, reverse=asked.newest_first)
    ]
    return {
        "engine": "elasticsearch",
        "from": None if from_us is None else time_text(from_us),
        "to": None if to_us is None else time_text(to_us),
        "asked": patterns,
        "indices": {
            "all": len(documents),
            "out_of_time": len(documents) - len(in_time),
            "archived": len(in_time) - len(read),
            "read": len(read),
        },
        "rows": {"all": sum(documents.values()), "to_read": sum(documents[name] for name in read)},
        "query": body["query"],
        "each": each[:_MOST_SHOWN],
    }


def _is_archived(name: str, archived: Archived) -> bool:
    of = parsed(name)
    return of is not None and of.day < archived.get(of.policy, of.day)
