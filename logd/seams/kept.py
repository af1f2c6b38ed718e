"""What people have made and given a name: saved searches, alert rules, dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Kept(Protocol[T]):
    """All of a kind, no two of the same name. Each has an `id` of 12 hex digits, which a `name` never is, and a
    `version`, which is 1, and one more with each change. Several processes may use them at the same time. Every call
    raises Unavailable when it can't be done now, and Corrupt when what is kept can't be made sense of."""

    async def create(self, one: T, /) -> None:
        """Keeps it, durably. Raises Conflict when its id or its name is taken, or when there are as many as may be:
        those who create at the same moment may make a few more."""
        ...

    async def all(self) -> Sequence[T]:
        """By their names, in the order of code points. A damaged one is left out, and logged."""
        ...

    async def find(self, key: str) -> T | None:
        """By its id, or else by its name, exactly, as it is kept now; None when there is none. Raises Corrupt when it
        is damaged."""
        ...

    async def update(self, one: T, /) -> T:
        """Puts it, durably, in the place of what has its id and its version, and gives it with the next version. Of
        several with the same version one succeeds. Raises Conflict when what is there has another version, or when its
        name is taken, and NotFound."""
        ...

    async def delete(self, key: str, version: int, /) -> None:
        """Removes this version of what has this id, durably. Raises Conflict when it has another one, and NotFound."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...
