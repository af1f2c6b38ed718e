"""The seams: what may be swapped, and what every implementation must guarantee.

Each Protocol is defined by one contract suite in tests/contracts, which runs over every implementation.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import msgspec

from logd.chunk import Envelope, Message
from logd.flow.stage import Stage
from logd.query.tree import Everything, Node
from logd.tokens import Token

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
#: For each partition the position of the next message: everything below it is done.
StreamPositions = Mapping[int, int]

RAW_LOGS = "raw-logs"
DEAD_LETTERS = "dead-letters"

#: Of a cache: a request asks it before its search and after, which together may cost 50 ms.
CACHE_CALL_SECONDS = 0.025
#: Lines come within seconds; what comes after so long is late.
LATE_SECONDS = 30
#: Of a histogram: more than a screen has columns, and half a megabyte of JSON.
MAX_BUCKETS = 5_000


class Appended(msgspec.Struct, frozen=True):
    """What became of an append: envelopes stored, and envelopes left out because their source had sent them before."""

    stored: int
    duplicates: int


class Consumer(Protocol):
    """One group's reader of one topic; where several processes have one, each gets some of the partitions, which may
    change at any time. Messages come in the order of their partition, each at least once."""

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        """The next messages: at least one unless none came within `wait_seconds`, and no more after `max_lines` lines
        are reached. Fetching moves this reader on, and commits nothing. One that isn't what was appended has `damage`.

        Raises Unavailable when nothing can be read now, and Corrupt when it never can; the reader stays where it is."""
        ...

    async def commit(self, positions: StreamPositions) -> None:
        """Everything below `positions` is done; a later reader of the group starts there. Never moves backwards, and
        changes nothing for partitions that another reader has by now: that one reads again what wasn't committed."""
        ...

    def lag(self) -> int:
        """Messages of the topic that this reader hasn't fetched yet."""
        ...


class Follower(Protocol):
    """A reader of one topic that is in no group: nothing waits for it, so it may lose what it is too slow for."""

    @property
    def positions(self) -> StreamPositions:
        """For every partition where the next fetch begins."""
        ...

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        """As Consumer.fetch. Positions that are left out were deleted before they were read."""
        ...

    def lag(self) -> int:
        """Messages of the topic that this reader hasn't fetched yet."""
        ...

    async def close(self) -> None:
        """Nothing is kept for it any more. May be called twice."""
        ...


class Transport(Protocol):
    """The durable queue between hosts and roles.

    Two guarantees are those of a transport of our own, which knows what each source has sent (SQLite), and can't be
    those of Kafka, which stores records and knows no sources. There a resend is stored again, by the same ids, of which
    the index keeps one; and of an append that fails, a part may be stored, which the resend then repeats. Where they
    are tested, and why only there, is marked in tests/contracts. The same goes for retention: Kafka deletes what is too
    old whether a group has taken it or not; a reader that finds it missing counts and says so."""

    @property
    def stages(self) -> Sequence[Stage]:
        """The bounded queues in it."""
        ...

    async def append(self, topic: str, envelopes: Sequence[Envelope]) -> Appended:
        """Stores all envelopes durably, those of one source in order. A transport of our own stores all or none, and
        together: a power cut after the return loses nothing.

        There an envelope whose `source-id` has already sent everything below its `end` is left out and counted
        duplicate, and Conflict is raised when one begins before, and ends after, what its source has sent. Raises
        Unavailable when not all can be stored now, there also because what the topic's slowest group has not taken is
        over the limit of bytes or of age; BadRequest for one that is too large. A topic without groups is never full:
        it loses its oldest messages over a limit, and counts them."""
        ...

    async def consume(self, topic: str, group: str, start: StreamPositions | None = None) -> Consumer:
        """A reader of `topic` for `group`, which is registered by this; in each partition from `start`, else from what
        the group has committed, else from the oldest message. A partition that comes to this reader later begins at
        what the group has committed. No message is appended below `start` any more; raises ConfigError where the
        stream doesn't reach it. A transport has one reader of a group: asked again, it begins anew."""
        ...

    async def follow(self, topic: str, start: StreamPositions | None = None) -> Follower:
        """A reader of `topic` without a group; from `start`, or the oldest that is left after it, else from what is
        appended from now on. While a topic is followed, and a while longer, what was appended last is kept for those
        who come back to it, also when every group is past it, and across a restart; how much is bounded, whatever its
        followers do."""
        ...

    def trouble(self) -> str:
        """Why appends are failing; empty when they don't, or none was tried of late."""
        ...

    async def status(self) -> dict[str, Any]:
        """By topic: messages, lines and bytes held (None where nobody counts them), `groups` with position and lag, or
        `positions` by partition, and the `ledger` of a transport of our own, which counts durably, with the messages:
        appended and expired, and left out as duplicates, in messages and lines."""
        ...

    async def close(self) -> None:
        """Finishes the appends that are under way, then releases everything."""
        ...


class Moved(msgspec.Struct, frozen=True):
    """What became of dead letters: `messages` with `lines` were moved or removed; `missing` are positions without a
    letter, `refused` those of letters that can't be replayed, with the reason."""

    messages: int = 0
    lines: int = 0
    missing: Sequence[int] = ()
    refused: Mapping[int, str] = {}


class DeadLetters(Protocol):
    """The topic dead-letters, whose messages are looked at and taken out by hand. Positions rise and name one letter
    for ever. All raise Unavailable when it can't be done now, Corrupt when it can't be read."""

    async def look(self, after: int, limit: int, see: Callable[[Message], T]) -> list[T]:
        """What `see` gives for each of the first `limit` letters behind a position. It is called in a thread, for one
        after the other, so that no more than one is held."""
        ...

    async def read(self, position: int) -> Message:
        """A letter. Raises NotFound."""
        ...

    async def replay(self, positions: Sequence[int] | None) -> Moved:
        """Moves letters into raw-logs, as deadletters.replayed makes them, each in one transaction: after a crash, and
        for any reader, it is in one of the two topics. None means all that there are at the beginning, so that those
        that are refused again don't come twice. What raises has moved some; calling it again goes on."""
        ...

    async def remove(self, positions: Sequence[int] | None, before_us: int | None = None) -> Moved:
        """Deletes letters for ever, None means all, before a time in Unix µs if it is given; the ledger counts them."""
        ...


class Batch(msgspec.Struct, frozen=True):
    """Parsed lines on their way into an index. `table` has record.SCHEMA; `positions` are done once it is stored.
    `own_ids` are the rows that may have come before, with a log_id that a client chose or as a replay: such an id is
    kept once within its day. For the ledger, `lines` is how many lines the messages held, of which `refused` went to
    dead-letters."""

    table: pa.Table
    positions: StreamPositions
    own_ids: pa.Array | None = None
    lines: int = 0
    refused: int = 0


class Place(NamedTuple):
    """Where a record stands in the order of time: no two have the same."""

    timestamp_us: int
    log_id: str


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A search. Times are Unix µs, `from_us` inclusive, `to_us` exclusive. `after`: only what comes after this place in
    the order asked for; `offset` and `limit` begin there. `count_limit`: count hits exactly up to this many, wherever
    `after` is; None counts all, 0 doesn't count."""

    query: Node = Everything()
    from_us: int | None = None
    to_us: int | None = None
    newest_first: bool = True
    after: Place | None = None
    limit: int = 50
    offset: int = 0
    count_limit: int | None = 10_000


class Found(msgspec.Struct, frozen=True):
    """Hits by time, and by log_id within a microsecond, as a table of record.SCHEMA. `total` is None when nobody asked,
    and a lower bound when `exact` is false. `more`: there may be hits after these."""

    table: pa.Table
    total: int | None
    exact: bool
    more: bool


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by time, asked for. Intervals are aligned to the epoch; None chooses one that gives some 100 at most.
    `by`: a record column or `metadata.` and a path, whose `top` most frequent values are counted apart. `fill`: also
    the intervals with no hits, from `from_us` to `to_us`, or from the first hit to the last."""

    query: Node = Everything()
    from_us: int | None = None
    to_us: int | None = None
    interval_us: int | None = None
    by: str | None = None
    top: int = 10
    fill: bool = False


class Buckets(msgspec.Struct, frozen=True):
    """Counts by time. `starts` are Unix µs, ascending; `counts` are the hits of each interval. `values` are the most
    frequent of the field first (then by value), None for records without it; `by_value` has a row for each of
    `values`, and `other` is what the values that aren't there add up to, each as long as `starts`. Hits with several
    tags count for each of them, but once in `counts`."""

    interval_us: int
    starts: Sequence[int]
    counts: Sequence[int]
    values: Sequence[str | None] = ()
    by_value: Sequence[Sequence[int]] = ()
    other: Sequence[int] = ()


class Searches(Protocol):
    """Asking an index. Every answer is about all rows that were searchable before the call, or raises Unavailable.
    Cancelling stops the work in the engine, whatever step it is at. Raises BadRequest when an answer takes more than
    there is for it."""

    async def search(self, search: Search) -> Found:
        """A page of hits, and how many there are."""
        ...

    async def histogram(self, histogram: Histogram) -> Buckets:
        """Exact counts. Raises BadRequest also when there would be more than MAX_BUCKETS."""
        ...

    def late_writes(self) -> int:
        """How often rows have become searchable that were older than LATE_SECONDS: as long as it is the same, an answer
        about what was over so long ago still holds. Always 0 where other processes write too."""
        ...


class Index(Protocol):
    """Where lines are stored to be searched. A log_id that the index has in that day is never stored twice."""

    @property
    def stages(self) -> Sequence[Stage]:
        """The bounded queues in it."""
        ...

    def durable(self) -> StreamPositions | None:
        """What would survive a crash now, if the index knows it; None leaves it to the transport's commits."""
        ...

    async def write(self, batch: Batch) -> int:
        """Rows are searchable when this returns, or, in an engine that refreshes its indices, a moment later; gives the
        number left out as duplicates. Raises Unavailable."""
        ...

    async def flush(self) -> None:
        """Everything written so far survives a crash when this returns."""
        ...

    async def status(self) -> dict[str, Any]:
        """For people: rows, bytes, segments or indices."""
        ...

    async def close(self) -> None:
        """Flushes, then releases everything."""
        ...


class Upkeep(Protocol):
    """What an index needs done in the background; one caller at a time."""

    async def step(self) -> bool:
        """Does the next piece of work; False when there is none now. Raises Unavailable when it can't be done now;
        what was begun is undone then. Cancelling leaves what a crash would."""
        ...

    def halt(self) -> None:
        """Makes a step that is under way end soon, with what it had begun undone."""
        ...

    async def close(self) -> None:
        """Halts, and waits for the end of a step."""
        ...

    def status(self) -> dict[str, Any]:
        """For people: what was done since the start, what is put aside."""
        ...


class Tokens(Protocol):
    """The tokens that guard the API. Several processes may use them at the same time. Every call raises Unavailable
    when it can't be done now, and Corrupt when what is kept can't be made sense of."""

    async def create(self, token: Token) -> None:
        """Keeps it, durably. Raises Conflict when its id is taken."""
        ...

    async def all(self) -> Sequence[Token]:
        """The oldest first, those that are expired or revoked too. A damaged one is left out, and logged."""
        ...

    async def find(self, token_id: str) -> Token | None:
        """As it is kept now, whatever its state; None when there never was one. Raises Corrupt when it is damaged."""
        ...

    async def revoke(self, token_id: str, at_us: int) -> Token:
        """Revokes it, durably, and gives it; one that is revoked stays as it is. Raises NotFound."""
        ...

    async def ever(self) -> bool:
        """Whether there is a token, or was one: an API that was closed doesn't open when its last token goes."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...


class Cache(Protocol):
    """A short memory for answers, which processes may share. Lossy: what was put may be gone at any moment, or be what
    another process has put. Nothing raises, and no call takes longer than CACHE_CALL_SECONDS: when what is behind it is
    slow or gone, nothing is found, which metrics count."""

    async def get(self, key: str) -> bytes | None:
        """What was put last, within its time; None when that isn't known."""
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keeps it, for so long at most; one that is too large isn't kept."""
        ...

    def status(self) -> dict[str, Any]:
        """For people: what is behind it, and what is wrong with that."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...


class StoredObject(NamedTuple):
    """An object of a store."""

    name: str
    size: int


class Objects(Protocol):
    """Files that are written once, whole, and never changed. What was put or deleted is so for every call of any
    process from then on. Names are parts of ASCII letters, digits and a few signs, with slashes between them; none goes
    on with a slash where another ends. Every call raises Unavailable when it can't be done now."""

    async def put(self, name: str, content: AsyncIterable[bytes]) -> int:
        """Keeps what `content` gives, durably; its size. Before, nobody sees anything of it, and when this is cancelled
        or `content` raises, nothing stays. Raises Conflict when the name is taken: of many who put it at the same time
        one succeeds. After Unavailable it may be there, or appear."""
        ...

    def get(
        self, name: str, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Its bytes from `start` to before `end`, as far as there are any, in blocks. Raises NotFound."""
        ...

    def list(self, prefix: str = "", after: str = "") -> AsyncIterator[StoredObject]:
        """Those whose names begin with `prefix` and come behind `after`, in the order of their bytes."""
        ...

    async def delete(self, name: str) -> None:
        """Durably; nothing happens when it isn't there."""
        ...

    async def size(self, name: str) -> int:
        """Raises NotFound."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...
