"""The seams: what may be swapped, and what every implementation must guarantee.

Each Protocol is defined by one contract suite in tests/contracts, which runs over every implementation.
"""

from logd.seams.beside import (
    CACHE_SECONDS,
    Cache,
    Objects,
    StoredObject,
    Tokens,
)
from logd.seams.index import (
    LATE_SECONDS,
    MAX_BUCKETS,
    Batch,
    Buckets,
    Disks,
    Found,
    Histogram,
    Index,
    Place,
    Search,
    Searches,
    Upkeep,
    Written,
)
from logd.seams.patterns import Mined, Pattern, Patterns
from logd.seams.stream import (
    DEAD_LETTERS,
    NOTHING,
    RAW_LOGS,
    Appended,
    Consumer,
    DeadLetters,
    Follower,
    Moved,
    StreamPositions,
    Tally,
    Transport,
)

__all__ = [
    "CACHE_SECONDS",
    "DEAD_LETTERS",
    "LATE_SECONDS",
    "MAX_BUCKETS",
    "NOTHING",
    "RAW_LOGS",
    "Appended",
    "Batch",
    "Buckets",
    "Cache",
    "Consumer",
    "DeadLetters",
    "Disks",
    "Follower",
    "Found",
    "Histogram",
    "Index",
    "Mined",
    "Moved",
    "Objects",
    "Pattern",
    "Patterns",
    "Place",
    "Search",
    "Searches",
    "StoredObject",
    "StreamPositions",
    "Tally",
    "Tokens",
    "Transport",
    "Upkeep",
    "Written",
]
