"""The seam: what a kind of server tells, so that one code can start, watch and end them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Place:
    """What stays the same over restarts: the server's own data folder, its ports on 127.0.0.1, and a test password
    made at the first start (letters and digits)."""

    folder: Path
    ports: tuple[int, ...]
    password: str


@dataclass(frozen=True)
class Command:
    """How one process is started: `environment` comes on top of ours, `user` (uid, gid) instead of ours. `folder` is
    its working folder, else the server's own."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: tuple[int, int] | None = None
    folder: Path | None = None


class Kind(Protocol):
    """One kind of server: `members` processes that together listen on `port_count` ports, of which the first is the
    one that clients are told of first."""

    @property
    def name(self) -> str: ...

    @property
    def members(self) -> int: ...

    @property
    def port_count(self) -> int: ...

    def get(self) -> None:
        """Whatever is run is on this machine when this returns, made or installed once. Raises Missing."""
        ...

    def prepare(self, place: Place) -> None:
        """Writes the configuration and the first data. Called before every start: what is there stays. Raises Missing,
        Failed."""
        ...

    def command(self, place: Place, member: int) -> Command:
        """Of a member, 0 … members - 1."""
        ...

    def url(self, place: Place) -> str:
        """What a client is configured with; credentials included."""
        ...

    def ready(self, place: Place) -> bool:
        """Asks the server, by its own protocol, whether it takes requests now. OSError: it doesn't even listen."""
        ...
