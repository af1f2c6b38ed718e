"""The durable queue between hosts and roles: what every transport must guarantee."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from logd.chunk import Envelope, Message
from logd.flow.stage import Stage

T = TypeVar("T")
#: For each partition the position of the next message: everything below it is done.
StreamPositions = Mapping[int, int]

RAW_LOGS = "raw-logs"
DEAD_LETTERS = "dead-letters"


class Tally(msgspec.Struct, frozen=True):
    """For the ledger, of lines that were read: what became of the `taken` ones. `duplicates` were in the index before,
    `refused` went to dead-letters, `dropped` and `sampled` were left out by rules of shaping, or by shedding, as `shed`
    of them were: the index may have those all the same, from when they were read before."""

    taken: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    dropped: int = 0
    sampled: int = 0
    shed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.taken + other.taken,
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.refused + other.refused,
            self.dropped + other.dropped,
            self.sampled + other.sampled,
            self.shed + other.shed,
        )


class Appended(msgspec.Struct, frozen=True):
    """What became of an append: envelopes stored, and envelopes left out because their source had sent them before."""

    stored: int
    duplicates: int


NOTHING = Tally()


class Consumer(Protocol):
    """One group's reader of one topic; where several processes have one, each gets some of the partitions, which may
    change at any time. Messages come in the order of their partition, each at least once."""

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        """The next messages: at least one unless none came within `wait_seconds`, and no more after `max_lines` lines
        are reached. Fetching moves this reader on, and commits nothing. One that isn't what was appended has `damage`.

        Raises Unavailable when nothing can be read now, and Corrupt when it never can; the reader stays where it is."""
        ...

    async def commit(self, positions: StreamPositions, tally: Tally = NOTHING) -> None:
        """Everything below `positions` is done; a later reader of the group starts there. Never moves backwards, and
        changes nothing for partitions that another reader has by now: that one reads again what wasn't committed.
        `tally` is of the lines since the last commit, for a transport that keeps it with the positions (Kafka), so that
        both survive together; an index that counts for itself gives none."""
        ...

    def lag(self) -> int:
        """Messages of the topic that this reader hasn't fetched yet."""
        ...

    def lags(self) -> Mapping[int, int]:
        """By partition that this reader has now, messages of it that it hasn't fetched yet. One that came is in it once
        it is known where it begins, which is after the next fetch at the latest; one that was taken away isn't any
        more."""
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

    async def follow(self, topic: str, start: StreamPositions | None = None, since_us: int | None = None) -> Follower:
        """A reader of `topic` without a group; from `start`, or the oldest that is left after it, else from what is
        appended from now on. While a topic is followed, and a while longer, what was appended last is kept for those
        who come back to it, also when every group is past it, and across a restart; how much is bounded, whatever its
        followers do.

        With `since_us` instead, in each partition from the first message that the transport took then (Unix µs) or
        later, or the oldest that is left after it; where there is none, from what is appended from now on. On Kafka,
        which knows milliseconds, what was taken in the same one comes too. Where the transport's clock went back, it
        begins at a message that was taken then or later, after one that was taken earlier: of what was taken in a time
        that came twice, the first part may be left out. Raises ValueError when both are given."""
        ...

    async def trouble(self) -> str:
        """Why appends are failing, or would as far as can be told, or messages may soon be deleted unread; empty when
        nothing of this is so."""
        ...

    async def status(self) -> dict[str, Any]:
        """By topic: messages, lines and bytes held (None where nobody counts them), `groups` with position and lag, or
        `positions` by partition, and the `ledger` of a transport of our own, which counts durably, with the messages:
        appended and expired, and left out as duplicates, in messages and lines. Its groups say when the first message
        was taken that they aren't done with (`waiting_us`, None for none). A group of Kafka's has `passed` and `lost`
        messages, of those since it was made, and its `tally`."""
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

    def __add__(self, other: Moved) -> Moved:
        return Moved(
            self.messages + other.messages,
            self.lines + other.lines,
            (*self.missing, *other.missing),
            {**self.refused, **other.refused},
        )


class DeadLetters(Protocol):
    """The topic dead-letters, whose messages are looked at and taken out by hand. Positions rise and name one letter
    for ever. All raise Unavailable when it can't be done now, Corrupt when it can't be read.

    Kafka has no transaction over two topics here, and gives up no single message: there a replay that is killed leaves
    the message in both topics, of which the index keeps one, and what was moved or removed is marked, for every process
    alike."""

    async def look(self, after: int, limit: int, see: Callable[[Message], T]) -> list[T]:
        """What `see` gives for each of the first `limit` letters behind a position. It is called in a thread, for one
        after the other, so that no more are held than are read at a time."""
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
