"""Redis from Debian: its redis-tools has the server's binary too, redis-server only adds a system service."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from tests.services.cache import once
from tests.services.programs import program
from tests.services.server import Command, Place

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Redis:
    """One process, without a password; what is written is on the disk within a second, and after a stop."""

    name: str = "redis"
    members: int = 1
    port_count: int = 1

    def get(self) -> None:
        """The binary."""
        _binary()

    def prepare(self, place: Place) -> None:
        """A folder for the data."""
        (place.folder / "data").mkdir(exist_ok=True)

    def command(self, place: Place, member: int) -> Command:
        """All settings on the command line: no file of the machine is read."""
        settings = {
            "bind": "127.0.0.1",
            "port": place.ports[0],
            "dir": place.folder / "data",
            "appendonly": "yes",
            "save": "",
            "maxmemory": "256mb",
        }
        arguments = [text for key, value in settings.items() for text in (f"--{key}", str(value))]
        return Command([_binary(), *arguments])

    def url(self, place: Place) -> str:
        """Database 0."""
        return f"redis://127.0.0.1:{place.ports[0]}/0"

    def ready(self, place: Place) -> bool:
        """PING: while it reads its data, it answers with an error."""
        with socket.create_connection(("127.0.0.1", place.ports[0]), _TIMEOUT_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")


def _binary() -> str:
    try_first = program("redis-check-rdb", "redis-tools")
    return str(once("redis", lambda folder: _link(folder, try_first)) / "redis-server")


def _link(folder: Path, binary: str) -> None:
    # Redis is the server unless it is called by the name of one of its tools.
    (folder / "redis-server").symlink_to(binary)
