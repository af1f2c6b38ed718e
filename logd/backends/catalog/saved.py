"""Saved searches in a catalog; see seams.SavedSearches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from logd.backends.catalog.database import Database
from logd.backends.catalog.named_rows import Kind, NamedRows
from logd.backends.catalog.tables import SAVED_SEARCHES
from logd.seams import MAX_SAVED, SavedSearch

_decode = msgspec.json.Decoder(dict[str, str | int | float | bool | list[str]]).decode


def catalog_saved(database: Database) -> NamedRows[SavedSearch]:
    """The table `saved_searches`."""
    return NamedRows(database, _KIND)


def _row(search: SavedSearch) -> Mapping[str, Any]:
    return {**msgspec.structs.asdict(search), "parameters": msgspec.json.encode(search.parameters).decode()}


def _search(values: Mapping[str, Any]) -> SavedSearch:
    return SavedSearch(**{**values, "parameters": _decode(values["parameters"])})


_KIND = Kind(SAVED_SEARCHES, MAX_SAVED, "a saved search", "saved searches", _search, _row)
