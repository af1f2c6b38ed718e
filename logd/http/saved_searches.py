"""/api/v1/searches: searches that people have given a name."""

from __future__ import annotations

from typing import Any

import msgspec

from logd.errors import BadRequest
from logd.flow.clock import now_us
from logd.http import schemas
from logd.http.named import Kind, NamedApi, Schemas, Wanted, decoded, operations
from logd.http.parameters import of_object
from logd.http.search import read_search
from logd.query.parse import Operator
from logd.seams import MAX_PARAMETERS_BYTES, SavedSearch, SavedSearches

PATH = "/api/v1/searches"


def saved_api(kept: SavedSearches, default_operator: Operator) -> NamedApi[SavedSearch]:
    """The handlers."""
    return NamedApi(kept, _kind(default_operator))


def _kind(default_operator: Operator) -> Kind[SavedSearch]:
    def read(body: bytes, is_change: bool) -> Wanted:
        """What a search would refuse is refused in the same words."""
        wanted = decoded(body, schemas.ChangedSearch if is_change else schemas.SearchToSave)
        parameters: dict[str, Any] = msgspec.to_builtins(wanted.search)
        read_search(of_object(parameters), now_us(), default_operator)
        size = len(msgspec.json.encode(parameters))
        if size > MAX_PARAMETERS_BYTES:
            message = f"the parameters are {size} bytes of JSON, at most {MAX_PARAMETERS_BYTES}"
            raise BadRequest("search_too_large", message, "search", 413)
        version = wanted.version if isinstance(wanted, schemas.ChangedSearch) else 0
        return Wanted(wanted.name, wanted.description, {"parameters": parameters}, version)

    return Kind(
        path=PATH,
        one="a saved search",
        plural="saved searches",
        listed="searches",
        type=SavedSearch,
        read=read,
        shown=lambda search: {"search": search.parameters},
    )


LIST, SHOW, CREATE, CHANGE, REMOVE = operations(
    _kind("or"),
    Schemas(schemas.SavedSearch, schemas.SavedSearchList, schemas.SearchToSave, schemas.ChangedSearch),
    "Its name, and a search's parameters.",
)
