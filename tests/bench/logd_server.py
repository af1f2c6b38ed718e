"""logd under test: one process with the roles agent, processor, api and archiver, on the defaults."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import orjson

from tests.bench.http_client import Client, Insert
from tests.bench.process import ServerProcess
from tests.bench.queries import LIMIT, Counts, Figures, Question

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

    def forms(self, question: Question) -> dict[str, str]:
        """Without and with the default total (exact to 10,000)."""
        if isinstance(question, Counts):
            asked = {"interval": f"{question.seconds}s", "by": "level"}
            return {"no_total": f"/api/v1/logs/histogram?{urlencode(asked)}"}
        if isinstance(question, Figures):
            return {"no_total": f"/api/v1/logs/stats?{urlencode(question.logd)}"}
        asked = {**question.logd, "limit": str(LIMIT)}
        return {
            "no_total": f"{_SEARCH}?{urlencode({**asked, 'track_total_hits': 'false'})}",
            "default_total": f"{_SEARCH}?{urlencode(asked)}",
        }

    def times(self, body: bytes) -> list[datetime]:
        """Of `logs`."""
        return [datetime.fromisoformat(record["timestamp"]) for record in orjson.loads(body)["logs"]]

    def figures(self, question: Figures, body: bytes) -> dict[tuple[str, ...], float]:
        """Of `groups`."""
        found: dict[tuple[str, ...], float] = {}
        for group in orjson.loads(body)["groups"]:
            for part in group.get("buckets", [group]):
                hour = (part["start"][:13],) if question.hours else ()
                figure = part["count"] if question.number is None else next(iter(part["stats"].values()))
                found[(*hour, *group["values"].values())] = figure
        return found

    def counts(self, body: bytes) -> dict[tuple[int, str], int]:
        """Of `buckets`."""
        answer = orjson.loads(body)
        levels = [one["value"] for one in answer["values"]]
        cells = {
            (int(datetime.fromisoformat(bucket["start"]).timestamp()), level): count
            for bucket in answer["buckets"]
            for level, count in zip(levels, bucket["counts"], strict=True)
        }
        return {cell: count for cell, count in cells.items() if count}


@contextmanager
def logd_server(folder: Path, follow: Sequence[Path] = ()) -> Iterator[LogdServer]:
    """Start logd with an empty data folder below `folder`, following the files given; stopped at the end."""
    data_dir = folder / "logd-data"
    data_dir.mkdir(parents=True)
    process = ServerProcess("logd", _command(data_dir, follow), data_dir=data_dir, environment=_environment())
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


def _command(data_dir: Path, follow: Sequence[Path]) -> list[str]:
    command = [sys.executable, "-m", "logd", "server", "--roles", "agent,processor,api,archiver"]
    settings = {"api.listen": "127.0.0.1:0", "data_dir": data_dir, "ingest.max_ahead_seconds": AHEAD_SECONDS}
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return [*command, "--", *map(str, follow)]


def _environment() -> dict[str, str]:
    """Ours without settings of logd, and with this checkout's code first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGD_")}
    path = os.pathsep.join(filter(None, [str(_CHECKOUT), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path}
