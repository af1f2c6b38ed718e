"""logd under test: one process with all roles, on the defaults."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import orjson

from tests.bench.http_client import Client, Insert
from tests.bench.process import ServerProcess

_CHECKOUT = Path(__file__).parents[2]
_SEARCH = "/api/v1/logs/search"
_INSERT = Insert("/api/v1/logs/ingest", "application/x-ndjson")
_START_SECONDS = 60.0
#: The corpus lies in November 2026: a host whose clock is behind takes it all the same (100 years).
AHEAD_SECONDS = 100 * 365 * 86_400


@dataclass(frozen=True)
class LogdServer:
    """A ready logd."""

    process: ServerProcess
    port: int
    name: str = "logd"
    insert: Insert = _INSERT
    #: index.flush_seconds, then half of it until the rest of a burst is merged.
    quiet_after_seconds: float = 92.0

    def count(self, client: Client) -> int:
        """`total_hits` of all, exact."""
        answer = orjson.loads(client.get(f"{_SEARCH}?limit=0&track_total_hits=true"))
        return int(answer["total_hits"])


@contextmanager
def logd_server(
    folder: Path,
    follow: Sequence[Path] = (),
    settings: Mapping[str, object] = MappingProxyType({}),
    roles: str = "agent,processor,api,alerter,archiver",
) -> Iterator[LogdServer]:
    """Start logd with a data folder below `folder`, empty unless there is one, following the files given; stopped at
    the end. `settings` are those that aren't the defaults."""
    data_dir = folder / "logd-data"
    data_dir.mkdir(parents=True, exist_ok=True)
    process = ServerProcess(
        "logd", _command(data_dir, follow, settings, roles), data_dir=data_dir, environment=_environment()
    )
    try:
        address = process.wait_for_line("logd listens on ", _START_SECONDS)
        port = urlsplit(address.split()[0]).port
        if port is None:
            raise process.failure(f"printed an address without a port: {address!r}")
        with Client(port) as client:
            process.wait_until(lambda: client.status("/readyz") == 200, "ready", _START_SECONDS)
        yield LogdServer(process, port)
    finally:
        process.stop()


def _command(data_dir: Path, follow: Sequence[Path], others: Mapping[str, object], roles: str) -> list[str]:
    command = [sys.executable, "-m", "logd", "server", "--roles", roles]
    settings = {"api.listen": "127.0.0.1:0", "data_dir": data_dir, "ingest.max_ahead_seconds": AHEAD_SECONDS, **others}
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return [*command, "--", *map(str, follow)]


def _environment() -> dict[str, str]:
    """Ours without settings of logd, and with this checkout's code first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGD_")}
    path = os.pathsep.join(filter(None, [str(_CHECKOUT), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path}
