"""Which tier answers for what, and how records got there: what archivers and searches of all processes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

#: A process may know boundaries that are so old: nothing that was an answer before may be deleted earlier.
BOUNDARY_SECONDS = 30.0


class Boundary(msgspec.Struct, frozen=True, kw_only=True):
    """Of a policy: days (since 1970) before `warm_before` are warm, those before `cold_before` cold. From then on the
    archive answers for them, whatever the index still has of them or gets late."""

    policy: str
    warm_before: int = 0
    cold_before: int = 0


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with a day of a policy: `what` is a word such as warm, cold, expire, restore. `number` is given by
    who keeps it, rising. `detail` is for people: counts, bytes, why."""

    number: int = 0
    at_us: int
    policy: str
    day: int
    what: str
    by: str = ""
    detail: Mapping[str, Any] = {}


class Tiering(Protocol):
    """Several processes may use it at the same time. Every call raises Unavailable when it can't be done now, and
    Corrupt when what is kept can't be made sense of."""

    async def boundaries(self) -> Sequence[Boundary]:
        """By policy."""
        ...

    async def advance(self, boundary: Boundary) -> None:
        """Durably; a boundary never goes back."""
        ...

    async def step(self, policy: str, day: int) -> Mapping[str, Any]:
        """What put_step kept; empty for nothing."""
        ...

    async def put_step(self, policy: str, day: int, step: Mapping[str, Any]) -> None:
        """Keeps how far a move of the day has come, durably, in the place of what was kept; empty forgets it."""
        ...

    async def record(self, move: Move) -> None:
        """Adds to the history, durably. Of more than 10,000, the oldest go."""
        ...

    async def moves(self, limit: int = 100, before: int | None = None) -> Sequence[Move]:
        """The newest first, behind a number if one is given."""
        ...

    async def count_gap(self, lines: Mapping[tuple[str, int], int]) -> None:
        """Adds, durably, lines by policy and day that the archive has and the index hasn't: those shed or refused."""
        ...

    async def gap(self, policy: str, day: int) -> int:
        """How many there may be at most."""
        ...


class Leases(Protocol):
    """Who may do what only one may do at a time. Raises Unavailable when it can't be done now."""

    async def take(self, name: str, owner: str, seconds: float) -> bool:
        """Whether `owner` has it now, for so long from now, by the catalog's clock; takes it, or takes it again, if
        nobody else has it."""
        ...

    async def give_up(self, name: str, owner: str) -> None:
        """Nothing happens when another has it."""
        ...


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """A range of the archive that is, or is to be, in the index again, in indices of its own. `id` is 12 hex digits,
    times are Unix µs, no `services` are all. `state` is waiting, running, done, failed or gone; `error` says why."""

    id: str
    from_us: int
    to_us: int
    services: tuple[str, ...] = ()
    expires_us: int
    state: str = "waiting"
    rows: int = 0
    done_rows: int = 0
    indices: tuple[str, ...] = ()
    error: str = ""
    created_by: str = ""
    created_us: int = 0


class Restores(Protocol):
    """Raises Unavailable and Corrupt as the calls of Tiering."""

    async def all(self) -> Sequence[Restore]:
        """The oldest first."""
        ...

    async def put(self, restore: Restore) -> None:
        """Keeps it, durably, in the place of what has its id. Those that are gone for a week are forgotten."""
        ...


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What a tier has of a policy and a day: `parts` are segments, indices or files. `services` are rows by service as
    far as it is known. `raw_bytes` are those of messages and metadata before compression, None where nobody knows."""

    tier: str
    policy: str
    day: int
    parts: int
    rows: int
    size_bytes: int
    raw_bytes: int | None = None
    services: Mapping[str, int] = {}


class Holdings(Protocol):
    """What is stored, for people and for what a change would delete."""

    async def holdings(self, services: bool = False) -> Sequence[Holding]:
        """All that there is, by day and policy; with rows by service only if they are asked for, which may take long.
        Raises Unavailable."""
        ...
