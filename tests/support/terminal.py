"""Commands that ask a server, run as people and scripts run them: in a pipe, and on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.support.process import PATIENCE_SECONDS, Server, environment_of_a_process


def environment(server: Server) -> Mapping[str, str]:
    """Which says where the server is."""
    address = {"LOGD_URL": f"http://127.0.0.1:{server.port}", "HOME": "/nonexistent"}
    return {**environment_of_a_process(), **address, "NO_COLOR": "", "COLUMNS": "200"}


def run(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a pipe."""
    return subprocess.run(
        [sys.executable, "-m", "logd", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        env=environment(server),
    )


def on_a_terminal(server: Server, *arguments: str, columns: int = 200, no_color: str = "") -> tuple[int, str]:
    """The exit code, and everything that the terminal got."""
    with _begun(server, arguments, columns, no_color) as (process, ours):
        text = _until(ours, None)
        code = process.wait(PATIENCE_SECONDS)
    return code, text


def interrupted_on_a_terminal(
    server: Server, *arguments: str, then: Callable[[], object], shown: str
) -> tuple[int, str]:
    """The same of a command that is interrupted once `then` was done and it has shown that text."""
    with _begun(server, arguments, 200, "") as (process, ours):
        then()
        text = _until(ours, shown)
        process.send_signal(signal.SIGINT)
        text += _until(ours, None)
        code = process.wait(PATIENCE_SECONDS)
    return code, text


@contextlib.contextmanager
def _begun(
    server: Server, arguments: Sequence[str], columns: int, no_color: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command, and our end of its terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    variables = {**environment(server), "NO_COLOR": no_color}
    del variables["COLUMNS"]  # the terminal itself says how wide it is
    command = [sys.executable, "-m", "logd", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
    os.close(ours)


def _until(ours: int, shown: str | None) -> str:
    """What comes up to and with that text; None is everything."""
    parts = []
    try:
        while part := os.read(ours, 65_536):
            parts.append(part)
            if shown is not None and shown.encode() in b"".join(parts):
                break
    except OSError:  # how Linux says that nobody has the other end any more
        assert shown is None, b"".join(parts)
    return b"".join(parts).decode().replace("\r\n", "\n")
