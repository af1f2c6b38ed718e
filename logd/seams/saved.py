"""Searches that people have given a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logd.seams.kept import Kept, Named

#: They are listed whole; with the bounds below, which the API keeps to, a list has 40 MB at most.
MAX_SAVED = 1_000
MAX_NAME_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 2_000
#: Of the parameters as JSON: any query that somebody has written, and hundreds of services. MariaDB's TEXT takes twice
#: as much.
MAX_PARAMETERS_BYTES = 32_768


class SavedSearch(Named, frozen=True, kw_only=True):
    """`parameters` are those of a search of the API, as they were written, times too: strings, numbers, booleans, and
    lists of strings."""

    description: str = ""
    parameters: Mapping[str, Any]


#: Those of all who ask; there are MAX_SAVED at most.
SavedSearches = Kept[SavedSearch]
