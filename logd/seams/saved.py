"""Searches that people have given a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from logd.seams.kept import Kept

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


#: Those of all who ask; there are MAX_SAVED at most.
SavedSearches = Kept[SavedSearch]
