"""VictoriaLogs under test: the binary at $VICTORIA_LOGS, on its defaults.

Set up as its documentation advises: `service` and `host`, which are constant for an application instance, are the
stream's fields; `level` is not, since it changes from line to line. Retention is opened so that the corpus's day is
taken whatever the clock says. It answers before data is on disk, and saves it within 5 s.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import orjson

from tests.bench.http_client import Client, Insert
from tests.bench.process import ServerProcess
from tests.bench.question import logsql
from tests.support.process import free_port

BINARY_VARIABLE = "VICTORIA_LOGS"
_START_SECONDS = 30.0
_FIELDS = {"_stream_fields": "service,host", "_msg_field": "message", "_time_field": "timestamp"}
_INSERT = Insert(f"/insert/jsonline?{urlencode(_FIELDS)}", "application/stream+json")


@dataclass(frozen=True)
class VictoriaLogs:
    """A ready VictoriaLogs."""

    process: ServerProcess
    port: int
    name: str = "VictoriaLogs"
    insert: Insert = _INSERT
    #: -inmemoryDataFlushInterval.
    quiet_after_seconds: float = 5.0

    def count(self, client: Client) -> int:
        """Answered from block headers: cheap."""
        answer = client.get(logsql("* | stats count() n"))
        return int(orjson.loads(answer)["n"]) if answer else 0


@contextmanager
def victoria_logs(executable: Path, folder: Path) -> Iterator[VictoriaLogs]:
    """Start it with an empty data folder below `folder`; stopped at the end."""
    data_dir = folder / "victoria-logs-data"
    data_dir.mkdir(parents=True)
    port = free_port()
    command = [
        str(executable),
        f"-storageDataPath={data_dir}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-futureRetention=100y",
    ]
    process = ServerProcess("victoria-logs", command, data_dir=data_dir, environment=os.environ)
    try:
        with Client(port) as client:
            process.wait_until(lambda: client.status("/health") == 200, "ready", _START_SECONDS)
        yield VictoriaLogs(process, port)
    finally:
        process.stop()
