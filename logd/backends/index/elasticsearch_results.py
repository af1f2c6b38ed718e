"""What Elasticsearch says of each document in a bulk, and what is to be done about it."""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from logd.backends.index.elasticsearch_client import Failure

#: What will pass, and what is no document's fault: an index that is closed, that nobody may make, or write to; and the
#: limit of shards.
_AGAIN = (404, 429, 500, 502, 503, 504)
_OF_INDEX = ("index_closed_exception", "security_exception", "validation_exception")
_BLOCKED = "cluster_block_exception"


class Result(msgspec.Struct, frozen=True):
    """Of one document."""

    status: int = 0
    error: Failure | None = None

    @property
    def reason(self) -> str:
        """Why it isn't there."""
        return self.error.text if self.error else f"status {self.status}"


class Fate(Enum):
    """What became of a document, by what is to be done about it."""

    STORED = auto()
    #: It was there before.
    KNOWN = auto()
    #: It may be taken later.
    AGAIN = auto()
    #: Its index takes no more, and says nothing of whether it is there.
    BLOCKED = auto()
    #: Its fields can't be indexed as they are.
    UNFIT = auto()
    #: It will never be taken.
    REFUSED = auto()


def fate(result: Result) -> Fate:
    """What became of the document."""
    kind = result.error.type if result.error else ""
    match result.status:
        case 200 | 201:
            return Fate.STORED
        case 409:
            return Fate.KNOWN
        case 403 if kind == _BLOCKED:
            return Fate.BLOCKED
        case status if status in _AGAIN or kind in _OF_INDEX:
            return Fate.AGAIN
        case 400:
            return Fate.UNFIT
        case _:
            return Fate.REFUSED
