"""An agent's process beside a server, and what came of its input."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.commands import begun
from tests.support.process import PATIENCE_SECONDS, Server


def texts(server: Server, service: str) -> list[str]:
    """The messages of a service, the oldest first."""
    found = server.search(service=service, sort="oldest", limit=10_000)
    return [record["message"] for record in found["logs"]]


def options_of(server: Server) -> list[str]:
    """The arguments of an agent that sends to the server."""
    return ["agent", "--server", f"http://127.0.0.1:{server.port}", "--set", "agent.batch_seconds=0.05"]


@contextlib.contextmanager
def agent_of(server: Server, folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The agent's process, which is asked to end at last."""
    with begun(*options_of(server), *options, data_dir=folder) as child:
        try:
            yield child
        finally:
            child.terminate()
            child.communicate(timeout=PATIENCE_SECONDS)
