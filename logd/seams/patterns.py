"""What an index is asked for patterns, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logd.query.tree import Everything, Node
from logd.seams.archived import Archived


class Patterns(msgspec.Struct, frozen=True, kw_only=True):
    """Templates of messages, asked for: the `limit` most frequent. `new_since_us`: only those of which nothing was
    found from `from_us` to it. `within_seconds` and `archived` as of a Search."""

    query: Node = Everything()
    from_us: int | None = None
    to_us: int | None = None
    archived: Archived = {}
    new_since_us: int | None = None
    limit: int = 50
    within_seconds: float | None = None


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A template, in which `<*>` stands for what differs, and its rows: how many, the times (Unix µs) of the first and
    the last of them, of one at the last moment the log_id and the beginning of its message, and how many there are by
    service and level, the most frequent first, then by value. `other_services` are those of services beyond these."""

    template: str
    count: int
    first_us: int
    last_us: int
    log_id: str
    message: str | None
    services: Sequence[tuple[str | None, int]]
    other_services: int
    levels: Sequence[tuple[str | None, int]]


class Mined(msgspec.Struct, frozen=True, kw_only=True):
    """Patterns, the most frequent first, then by template. `total` hits are those of the patterns, `other` ones (of
    `others` templates that aren't listed, and `unmatched` ones that have none, as there were too many different) and
    `not_looked_at` ones, which aren't the newest. `coarse`: messages are alike when their first two words are, as there
    were too many different. `missing` and `tiers` as of what is Found."""

    total: int = 0
    patterns: Sequence[Pattern] = ()
    others: int = 0
    other: int = 0
    unmatched: int = 0
    not_looked_at: int = 0
    coarse: bool = False
    missing: Sequence[str] = ()
    tiers: Sequence[str] = ()
