"""MariaDB from Debian, by the packages that have its programs and no system service."""

from __future__ import annotations

import getpass
import os
import subprocess
from dataclasses import dataclass

from tests.services.programs import program, run
from tests.services.server import Command, Place

_NAME = "logd"
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class MySQL:
    """One process. The user `logd` may do everything with databases whose names begin with `logd`; `logd` is there."""

    name: str = "mysql"
    members: int = 1
    port_count: int = 1

    def get(self) -> None:
        """Server and client."""
        _server()
        _client()

    def prepare(self, place: Place) -> None:
        """The system tables, and the SQL that runs at every start before anybody is let in."""
        data, part = place.folder / "data", place.folder / "data.part"
        if not data.exists():
            install = program("mariadb-install-db", "mariadb-server-core")
            options = ["--no-defaults", f"--datadir={part}", f"--user={getpass.getuser()}", "--skip-test-db"]
            argv = [install, *options, "--auth-root-authentication-method=normal", "--skip-name-resolve"]
            run(argv, f"{data} can't be filled", folder=place.folder)
            part.rename(data)
        sql = place.folder / "init.sql"
        sql.touch(mode=0o600)
        sql.write_text(
            f"CREATE DATABASE IF NOT EXISTS {_NAME} CHARACTER SET utf8mb4;\n"
            f"CREATE USER IF NOT EXISTS '{_NAME}'@'127.0.0.1' IDENTIFIED BY '{place.password}';\n"
            f"GRANT ALL ON `{_NAME}%`.* TO '{_NAME}'@'127.0.0.1';\n"
        )

    def command(self, place: Place, member: int) -> Command:
        """All settings on the command line: no file of the machine is read."""
        settings = {
            "datadir": place.folder / "data",
            "bind-address": "127.0.0.1",
            "port": place.ports[0],
            # Relative to the data: the path of a socket has at most 107 bytes.
            "socket": "mysql.sock",
            "pid-file": "mysql.pid",
            "init-file": place.folder / "init.sql",
            "user": getpass.getuser(),
            "innodb-buffer-pool-size": "64M",
            "innodb-log-file-size": "16M",
        }
        options = [f"--{key}={value}" for key, value in settings.items()]
        return Command([_server(), "--no-defaults", "--skip-name-resolve", *options])

    def url(self, place: Place) -> str:
        """With the password; the driver is for whoever uses it to add."""
        return f"mysql://{_NAME}:{place.password}@127.0.0.1:{place.ports[0]}/{_NAME}"

    def ready(self, place: Place) -> bool:
        """A query is answered."""
        return ask(place.ports[0], place.password, "SELECT 1") == "1\n"


def ask(port: int, password: str, sql: str) -> str:
    """What MariaDB's own client prints: a line a row, columns apart by tabs. Raises ConnectionError when it fails."""
    options = ["--no-defaults", "--batch", "--skip-column-names", "--host=127.0.0.1", f"--port={port}"]
    done = subprocess.run(
        [_client(), *options, f"--user={_NAME}", f"--execute={sql}", _NAME],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "MYSQL_PWD": password},
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise ConnectionError(done.stderr.strip())
    return done.stdout


def _server() -> str:
    return program("mariadbd", "mariadb-server-core")


def _client() -> str:
    return program("mariadb", "mariadb-client-core")
