"""Real servers with more than those of tests/services have: MariaDB with TLS, Redis with a password."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from tests.services import Running
from tests.services.mysql import MySQL
from tests.services.redis import Redis
from tests.services.server import Command, Kind, Place
from tests.support.access import Certificates


@dataclass(frozen=True)
class With:
    """A kind of server with more options. One that wants a password is ready when it says so."""

    kind: Kind
    options: tuple[str, ...]
    wants_password: bool = False

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def members(self) -> int:
        return self.kind.members

    @property
    def port_count(self) -> int:
        return self.kind.port_count

    def get(self) -> None:
        self.kind.get()

    def prepare(self, place: Place) -> None:
        self.kind.prepare(place)

    def command(self, place: Place, member: int) -> Command:
        plain = self.kind.command(place, member)
        secret = ("--requirepass", place.password) if self.wants_password else ()
        return Command([*plain.argv, *self.options, *secret], plain.environment)

    def url(self, place: Place) -> str:
        return self.kind.url(place)

    def ready(self, place: Place) -> bool:
        if not self.wants_password:
            return self.kind.ready(place)
        with socket.create_connection(("127.0.0.1", place.ports[0]), 5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"-NOAUTH")


def mysql_with_tls(folder: Path, certificates: Certificates) -> Running:
    """A MariaDB of one's own, with a certificate for 127.0.0.1."""
    options = (f"--ssl-cert={certificates.certificate_file}", f"--ssl-key={certificates.key_file}")
    return Running(With(MySQL(), options), folder, tied=True)


def redis_with_password(folder: Path) -> Running:
    """A Redis of one's own."""
    return Running(With(Redis(), (), wants_password=True), folder, tied=True)
