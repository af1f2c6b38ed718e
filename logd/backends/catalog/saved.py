"""Saved searches in a catalog; see seams.SavedSearches."""

from __future__ import annotations

from logd.backends.catalog.database import Database
from logd.backends.catalog.named_rows import NamedRows, with_json
from logd.backends.catalog.tables import SAVED_SEARCHES
from logd.seams import MAX_SAVED, SavedSearch

_OF = dict[str, str | int | float | bool | list[str]]
_KIND = with_json(SAVED_SEARCHES, MAX_SAVED, "a saved search", "saved searches", SavedSearch, "parameters", _OF)


def catalog_saved(database: Database) -> NamedRows[SavedSearch]:
    """The table `saved_searches`."""
    return NamedRows(database, _KIND)
