"""The fields that a query can name, and what each is.

`message` is text: it is searched by words, and as a whole by the name of `message.raw`. The other columns are keywords:
they have a value or not, exactly, in its case (only levels are taken in any spelling). Every other name is a path into
`metadata`, with or without that prefix; `metadata.a.b` finds `{"a": {"b": 1}}` and `{"a.b": 1}` alike. A trace id is
looked for in both.
"""

from __future__ import annotations

TEXT = "message"
#: Its text as a whole, which regular expressions search.
RAW_TEXT = "message.raw"
METADATA = "metadata."
#: Searched by their exact value; `tags` matches if any tag does.
KEYWORDS = ("log_id", "level", "service", "host", "source", "tags", "trace_id")
#: A column for ids that are text; others stay in the metadata, under the same name. Queries mean both.
TRACE_ID = "trace_id"
#: Searched by ranges.
TIMES = ("timestamp", "ingested_at")
#: What the Elastic common schema and OpenTelemetry call the columns. Ingest takes these names, so queries do.
_ALIASES = {
    "@timestamp": "timestamp",
    "log.level": "level",
    "service.name": "service",
    "host.name": "host",
    "log.file.path": "source",
    "trace.id": "trace_id",
    # Ingest lifts it out of the metadata, and answers put it back there.
    "metadata.trace_id": "trace_id",
    "_id": "log_id",
}
_COLUMNS = frozenset((TEXT, *KEYWORDS, *TIMES))
#: More parts of a path can be nested and joined in too many ways: 2 ** (parts - 1).
MAX_PATH_PARTS = 8


def column_of(name: str) -> str | None:
    """The column that a name in a query means; None for a path into the metadata."""
    name = _ALIASES.get(name, name)
    return name if name in _COLUMNS else None


def path_of(field: str) -> tuple[str, ...]:
    """The parts of a metadata field's path."""
    return tuple(field.removeprefix(METADATA).split("."))
