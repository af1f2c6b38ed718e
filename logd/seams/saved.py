"""Searches that people have given a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

#: They are listed whole; with the bounds below, which the API keeps to, a list has 40 MB at most.
MAX_SAVED = 1_000
MAX_NAME_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 2_000
#: Of the parameters as JSON: any query that somebody has written, and hundreds of services. MariaDB's TEXT takes twice
#: as much.
MAX_PARAMETERS_BYTES = 32_768


class SavedSearch(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is 12 hex digits, which a `name` never is; a name is stripped. `parameters` are those of a search of the
    API, as they were written, times too: strings, numbers, booleans, and lists of strings. `owner` is the id of the
    token that made it, `created_by` its name, `updated_by` that of the last change; all empty where nobody needed one.
    Times are Unix µs. `version` is 1, and one more with each change."""

    id: str
    name: str
    description: str = ""
    parameters: Mapping[str, Any]
    owner: str = ""
    created_by: str = ""
    updated_by: str = ""
    created_us: int
    updated_us: int
    version: int = 1


class SavedSearches(Protocol):
    """The saved searches of all who ask, no two of the same name. Several processes may use them at the same time.
    Every call raises Unavailable when it can't be done now, and Corrupt when what is kept can't be made sense of."""

    async def create(self, search: SavedSearch) -> None:
        """Keeps it, durably. Raises Conflict when its id or its name is taken, or when there are MAX_SAVED: those who
        create at the same moment may make a few more."""
        ...

    async def all(self) -> Sequence[SavedSearch]:
        """By their names, in the order of code points. A damaged one is left out, and logged."""
        ...

    async def find(self, key: str) -> SavedSearch | None:
        """By its id, or else by its name, exactly, as it is kept now; None when there is none. Raises Corrupt when it
        is damaged."""
        ...

    async def update(self, search: SavedSearch) -> SavedSearch:
        """Puts it, durably, in the place of what has its id and its version, and gives it with the next version. Of
        several with the same version one succeeds. Raises Conflict when what is there has another version, or when its
        name is taken, and NotFound."""
        ...

    async def delete(self, search_id: str, version: int) -> None:
        """Removes this version, durably. Raises Conflict when it has another one, and NotFound."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...
