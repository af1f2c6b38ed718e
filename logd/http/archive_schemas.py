"""Bodies of requests and answers about the archive."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

_Name = Annotated[str, Meta(min_length=1, max_length=1_000)]


class RestoreToMake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range of the archive that is to be put back into Elasticsearch, for so long as `expires` says. Times as a
    search's; without `services` it is of all."""

    from_: str | int = field(name="from")
    to: str | int
    services: Annotated[list[_Name], Meta(max_length=1_000)] = []
    expires: str = "7d"


class Restore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A restore as it is kept. `rows` are at most so many until it is done."""

    id: str
    from_: str = field(name="from")
    to: str
    services: list[str]
    state: Literal["waiting", "running", "done", "failed", "gone"]
    rows: int
    done_rows: int
    indices: list[str]
    expires: str
    error: str | None
    created: str
    created_by: str | None


class RestoreList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The oldest first; those that are gone are listed for a week."""

    restores: list[Restore]
