"""vlagent as a shipper: the binary at $VLAGENT, fed by the bench.

It follows no plain files: whatever does sends it lines over HTTP. So a thread of the bench reads the files twice a
second and posts new lines as NDJSON, the fields named as VictoriaLogs' documentation advises; its figures don't include
the following. It has no state but its queue, which goes to disk when memory doesn't hold it, and answers before lines
are anywhere else; it compresses by zstd, level 1.
"""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from tests.bench.http_client import BODY_BYTES, Client, Insert
from tests.bench.process import ServerProcess
from tests.bench.shipper import Shipper
from tests.support.process import free_port

BINARY_VARIABLE = "VLAGENT"
NAME = "vlagent"
_FIELDS = {"_stream_fields": "service,host", "_msg_field": "message", "_time_field": "timestamp"}
_INSERT = Insert(f"/insert/jsonline?{urlencode(_FIELDS)}", "application/stream+json")
_START_SECONDS = 30.0
#: As long as logd's agent lets lines wait for others.
_LOOK_SECONDS = 0.5


def shipper(executable: Path) -> Shipper:
    """With that binary."""
    return Shipper(NAME, partial(_vlagent, executable))


@contextmanager
def _vlagent(executable: Path, folder: Path, pattern: Path, port: int) -> Iterator[ServerProcess]:
    data_dir = folder / "vlagent-data"
    data_dir.mkdir(parents=True)
    own_port = free_port()
    command = [
        str(executable),
        f"-httpListenAddr=127.0.0.1:{own_port}",
        f"-remoteWrite.url=http://127.0.0.1:{port}/internal/insert",
        f"-remoteWrite.tmpDataPath={data_dir}",
    ]
    process = ServerProcess("vlagent", command, data_dir=data_dir, environment=os.environ)
    try:
        with Client(own_port) as client:
            process.wait_until(lambda: client.status("/health") == 200, "ready", _START_SECONDS)
        with _fed(own_port, pattern):
            yield process
    finally:
        process.stop()


@contextmanager
def _fed(port: int, pattern: Path) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=_feed, args=(port, str(pattern), stop), name="bench.feed")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _feed(port: int, pattern: str, stop: threading.Event) -> None:
    """Whole lines, of all files together at a time."""
    offsets: dict[str, int] = {}
    with Client(port) as client:
        while not stop.is_set():
            body = b"".join(_new(path, offsets) for path in glob.glob(pattern))
            if body:
                client.post(_INSERT, body)
            if len(body) < BODY_BYTES // 2:
                stop.wait(_LOOK_SECONDS)


def _new(path: str, offsets: dict[str, int]) -> bytes:
    with open(path, "rb") as file:
        file.seek(offsets.get(path, 0))
        lines = file.read(BODY_BYTES)
    lines = lines[: lines.rfind(b"\n") + 1]
    offsets[path] = offsets.get(path, 0) + len(lines)
    return lines
