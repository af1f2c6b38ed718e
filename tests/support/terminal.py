"""Commands that ask a server, run as people and scripts run them: in a pipe, and on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Mapping

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


def on_a_terminal(server: Server, *arguments: str) -> tuple[int, str]:
    """The exit code, and everything that the terminal got."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 200))
    with subprocess.Popen(
        [sys.executable, "-m", "logd", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(server)
    ) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 65_536):
                parts.append(part)
        except OSError:  # how Linux says that nobody has the other end any more
            pass
        code = process.wait(PATIENCE_SECONDS)
    os.close(ours)
    return code, b"".join(parts).decode().replace("\r\n", "\n")
