"""The parameter `saved`: a saved search's parameters beside those of a request."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TypeVar

from multidict import MultiDict, MultiMapping

from logd.errors import Corrupt, NotFound, Unavailable
from logd.http.parameters import Parameter, of_object, shortened
from logd.seams import Kept, SavedSearches

log = logging.getLogger("logd.api")
T = TypeVar("T")
SAVED = Parameter(
    "saved", "A saved search, by its name or id: of its parameters, those that the request doesn't give itself."
)


@contextlib.contextmanager
def catalog_call() -> Iterator[None]:
    """Around a call of the catalog, without which the request can't be answered. Raises Unavailable (503)."""
    try:
        yield
    except Corrupt as error:
        log.error("%s", error)
        raise Unavailable(str(error), status=503) from error
    except Unavailable as error:
        raise Unavailable(str(error), error.retry_after_seconds, 503) from error


async def find(kept: Kept[T], key: str, what: str = "saved search") -> T:
    """By its name or id. Raises NotFound and Unavailable."""
    with catalog_call():
        found = await kept.find(key.strip())
    if found is None:
        raise NotFound(f"there is no {what} {shortened(key)}")
    return found


async def applied(kept: SavedSearches, query: MultiMapping[str]) -> MultiMapping[str]:
    """The parameters, with those of the saved search that they name. An empty one is given, too: it takes the saved one
    away. Raises NotFound and Unavailable."""
    keys = query.getall(SAVED.name, [])
    if len(keys) != 1 or not keys[0]:
        return query  # that one is given several times, `check` says
    found = await find(kept, keys[0])
    whole = MultiDict((name, value) for name, value in query.items() if name != SAVED.name)
    whole.extend((name, value) for name, value in of_object(found.parameters).items() if name not in query)
    return whole
