"""Real MariaDB, Redis and S3 servers as child processes on free ports; they die with the process that started them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.process import PATIENCE_SECONDS, free_port

_PAUSE_SECONDS = 0.05
#: As in tests/support/process.py: SIGKILL when the starter dies.
_DIES_WITH_US = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class Server:
    """A server that can be killed, stopped for a while, and started again over what it had."""

    def __init__(self, port: int, command: Sequence[str | Path], folder: Path, answers: Callable[[], bool]) -> None:
        self.port = port
        self._command = [str(part) for part in command]
        self._folder = folder
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It answers when this returns."""
        starter = [sys.executable, "-c", _DIES_WITH_US, str(os.getpid()), *self._command]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                starter, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._folder
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._command[0]} doesn't answer: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(_PAUSE_SECONDS)

    def kill(self) -> None:
        """At once, as a crash would; also one that is paused."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Its connections stay, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def program(name: str, package: str) -> str:
    """The path of a program; without it the test is skipped, and fails in CI."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        missing = f"{name} is missing: install it, on Debian with: apt install {package}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """From its start to its end."""
    try:
        server.start()
        yield server
    finally:
        server.kill()


def connects(port: int) -> bool:
    """Whether something listens."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def redis_server(folder: Path, *options: str, password: str = "") -> Server:
    """A Redis that keeps nothing on the disk."""
    path, port = program("redis-server", "redis-server"), free_port()
    secret = ["--requirepass", password] if password else []
    command = [path, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *secret, *options]
    return Server(port, command, folder, lambda: _pongs(port))


def _pongs(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.settimeout(1)
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    return False


class MysqlServer:
    """A MariaDB with a user who may make databases called `logd…`, over TLS and without."""

    USER, PASSWORD = "logd", "s3cret 'of' \"logd\" % ü"

    def __init__(self, folder: Path, certificate: Path, key: Path) -> None:
        path = program("mariadbd", "mariadb-server")
        self._client = program("mariadb", "mariadb-client")
        self._socket = folder / "s"
        data = folder / "data"
        owner = ["--user=root"] if os.getuid() == 0 else []
        subprocess.run(
            [program("mariadb-install-db", "mariadb-server"), "--no-defaults", f"--datadir={data}", *owner,
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        port = free_port()
        command = [path, "--no-defaults", f"--datadir={data}", f"--socket={self._socket}", f"--port={port}", *owner,
                   "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-buffer-pool-size=16M",
                   f"--pid-file={folder / 'pid'}", f"--ssl-cert={certificate}", f"--ssl-key={key}"]  # fmt: skip
        self.server = Server(port, command, folder, lambda: self._socket.exists() and connects(port))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def run(self, sql: str) -> str:
        """By its superuser; gives the rows."""
        done = subprocess.run(
            [self._client, "--no-defaults", f"--socket={self._socket}", "-u", "root", "-N", "-B",
             "--default-character-set=utf8mb4"],
            input=sql, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        return done.stdout

    def make_user(self) -> None:
        """Who may use what is called logd…"""
        secret = self.PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
        self.run(
            f"CREATE USER '{self.USER}'@'127.0.0.1' IDENTIFIED BY '{secret}';"
            f"GRANT ALL ON `logd%`.* TO '{self.USER}'@'127.0.0.1'"
        )
