"""What people have made and given a name: saved searches, alert rules, dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

T = TypeVar("T")


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What each of them has. `id` is 12 hex digits, which a `name` never is; a name is stripped. `owner` is the id of
    the token that made it, `created_by` its name, `updated_by` that of the last change; all empty where nobody needed
    one. Times are Unix µs. `version` is 1, and one more with each change."""

    id: str
    name: str
    owner: str = ""
    created_by: str = ""
    updated_by: str = ""
    created_us: int
    updated_us: int
    version: int = 1


class Kept(Protocol[T]):
    """All of a kind of Named, no two of the same name. Several processes may use them at the same time. Every call
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
