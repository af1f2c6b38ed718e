"""Rows by service, for who asks what is stored of whom."""

from __future__ import annotations

from logd.query.sql import compile_sql
from logd.query.tree import Everything
from logd.store.connection import Connection
from logd.store.read import run, stretches
from logd.store.walk import Snapshot, times_of

_MOST_SERVICES = 1_000


def services_in(connection: Connection, snapshot: Snapshot) -> dict[str, int]:
    """Of all rows of the snapshot, "" for none, the _MOST_SERVICES most frequent. Raises duckdb.Error."""
    times = times_of(snapshot, None, None)
    if times is None:
        return {}
    query = (
        "SELECT coalesce(service, '') AS service, count(*) AS n FROM rows GROUP BY ALL"
        f" ORDER BY n DESC, service LIMIT {_MOST_SERVICES}"
    )
    nothing = compile_sql(Everything())
    found = run(connection, snapshot, times, stretches(snapshot, Everything(), times), query, nothing)
    return dict(zip(found["service"].to_pylist(), found["n"].to_pylist(), strict=True))
