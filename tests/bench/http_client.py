"""The load on both systems: plain HTTP from 127.0.0.1, keep-alive, the same bodies over the same two connections."""

import http.client
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.bench.corpus import Corpus

#: Large enough that a request's fixed costs vanish, small enough for every default limit (logd's is 64 MiB).
BODY_BYTES = 4_000_000
CONNECTIONS = 2
_TIMEOUT_SECONDS = 120.0
#: How long one body may be refused with 429 before the run fails.
_REFUSED_SECONDS = 120.0

#: Sends something to a port, and returns once all of it is accepted.
Load = Callable[[int], None]


@dataclass(frozen=True)
class Insert:
    """How a system takes NDJSON: the request target and its content type."""

    target: str
    content_type: str


class Client:
    """One keep-alive connection. Not thread-safe."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def get(self, target: str) -> bytes:
        """The body of a 200; RuntimeError for any other status, OSError when nobody answers."""
        status, _, body = self._exchange("GET", target, None, {})
        if status != 200:
            raise RuntimeError(f"GET {target}: {status} {body[:500]!r}")
        return body

    def status(self, target: str) -> int:
        """The status of a GET; OSError when nobody answers."""
        return self._exchange("GET", target, None, {})[0]

    def post(self, insert: Insert, body: bytes) -> None:
        """Send until accepted: waits as told by Retry-After when refused with 429; RuntimeError for other errors."""
        deadline = time.monotonic() + _REFUSED_SECONDS
        while True:
            status, headers, answer = self._exchange("POST", insert.target, body, {"Content-Type": insert.content_type})
            if 200 <= status < 300:
                return
            if status != 429 or time.monotonic() > deadline:
                raise RuntimeError(f"POST {insert.target}: {status} {answer[:500]!r}")
            time.sleep(float(headers.get("Retry-After", "1")))

    def _exchange(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        try:
            self._connection.request(method, target, body, headers)
            response = self._connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise OSError(f"{method} {target}: {error!r}") from error


def send(port: int, insert: Insert, corpus: Corpus) -> None:
    """Post the whole corpus; returns once every body is accepted."""
    spans = iter(corpus.body_spans(BODY_BYTES))
    lock = threading.Lock()

    def bodies(file: int) -> Iterator[bytes]:
        while True:
            with lock:
                span = next(spans, None)
            if span is None:
                return
            offset, length = span
            yield os.pread(file, length, offset)

    def work(file: int) -> None:
        with Client(port) as client:
            for body in bodies(file):
                client.post(insert, body)

    with corpus.path.open("rb") as file, ThreadPoolExecutor(CONNECTIONS) as pool:
        for worker in [pool.submit(work, file.fileno()) for _ in range(CONNECTIONS)]:
            worker.result()
