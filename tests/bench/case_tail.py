"""The live tail: 50 clients with different filters beside a steady load, and what they cost beyond the load itself."""

import http.client
import itertools
import math
import re
import selectors
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import urlencode

import orjson

from tests.bench.bench import Bench
from tests.bench.corpus import generate
from tests.bench.http_client import Client, Insert
from tests.bench.logd_server import LogdServer, logd_server
from tests.bench.report import Line

_GOAL_CORES = 0.5
_GOAL_SECONDS = 1.0
#: The load: a thousand lines a second, in bodies of a hundred.
_BODY_LINES = 100
_BODY_SECONDS = 0.1
#: One of so many bodies has a marked line, which one of the clients looks for.
_WARM_UP_BODIES = 20
_MISSING_SECONDS = 30.0
_MARK = "tailprobe"
_WORDS = [
    "timeout",
    "declined",
    "NullPointerException",
    "upstream",
    "healthz",
    "profile",
    "orders",
    "PUT",
    "404",
    "items",
]
_FORMS = (
    "{word}",
    "{word} AND NOT level:DEBUG",
    '"{word} status" OR "{word} in" OR level:ERROR',
    "{word} AND service:payment",
    "user_id:{number} OR (level:WARN AND {word})",
)
_CLIENTS = len(_WORDS) * len(_FORMS)
_INSERT = Insert("/api/v1/logs/ingest", "application/x-ndjson")


def tail(bench: Bench) -> Line:
    """Cores that the tails cost: CPU of the server under the load with 50 tails, less that without any, by seconds of
    load. Beside it seconds from the 202 to the event, p99, over marked lines that all clients look for in turn.
    """
    folder = bench.folder / "tail"
    folder.mkdir()
    bodies = bench.probes
    with logd_server(folder) as server:
        with _Clients(server, _filters()) as clients:  # the parser and the clients' queries are made meanwhile
            _load(server, _WARM_UP_BODIES, clients)
        alone, _ = _load(server, bodies, None)
        with _Clients(server, _filters()) as clients:
            _load(server, _WARM_UP_BODIES, clients)
            beside, took = _load(server, bodies, clients)
            events, megabytes = clients.lines, clients.read_bytes / 1e6
    seconds = bodies * _BODY_SECONDS
    p99 = _percentile(sorted(took), 0.99)
    return Line(
        "tail",
        max(beside - alone, 0.0) / seconds,
        "cores",
        bodies * _BODY_LINES,
        goal=_GOAL_CORES,
        note="no peer: VictoriaLogs tails by one query a client",
        more={
            "p99_seconds": p99,
            "p99_goal_seconds": _GOAL_SECONDS,
            "p99_met": p99 <= _GOAL_SECONDS,
            "p50_seconds": _percentile(sorted(took), 0.5),
            "cores_without_tails": alone / seconds,
            "clients": _CLIENTS,
            "lines_sent": events,
            "megabytes_sent": megabytes,
        },
    )


def _filters() -> Sequence[dict[str, str]]:
    """Fifty that differ: words, phrases, metadata, services, levels, rare and frequent; each lets marked lines of its
    own through."""
    return [
        {"q": f"({form.format(word=word, number=number)}) OR {_MARK}{number}"}
        for number, (word, form) in enumerate(itertools.product(_WORDS, _FORMS))
    ]


def _load(server: LogdServer, bodies: int, clients: "_Clients | None") -> tuple[float, list[float]]:
    """Send so many bodies at the pace; CPU seconds of the server, and seconds until each marked line was seen."""
    lines = generate(1_000_000_000, start=datetime.now(UTC))
    accepted: dict[str, float] = {}
    begin, cpu = time.monotonic(), server.process.cpu_seconds()
    with Client(server.port) as client:
        for number in range(bodies):
            mark = f"{_MARK}{number % _CLIENTS} {time.monotonic_ns()}"
            marked = orjson.dumps({"level": "INFO", "service": "bench", "message": mark})
            client.post(_INSERT, b"".join(islice(lines, _BODY_LINES - 1)) + marked + b"\n")
            accepted[mark] = time.monotonic()
            time.sleep(max(0.0, begin + (number + 1) * _BODY_SECONDS - time.monotonic()))
    took: list[float] = []
    if clients is not None:
        server.process.wait_until(lambda: accepted.keys() <= clients.seen.keys(), "seen", _MISSING_SECONDS)
        took = [clients.seen[mark] - at for mark, at in accepted.items()]
    return server.process.cpu_seconds() - cpu, took


class _Clients:
    """Open tails, read by one thread. `seen` has the moment at which each marked line came."""

    def __init__(self, server: LogdServer, filters: Sequence[dict[str, str]]) -> None:
        self.seen: dict[str, float] = {}
        self.lines = 0
        self.read_bytes = 0
        self._server = server
        self._filters = filters
        self._connections: list[http.client.HTTPConnection] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="bench.tails")

    def __enter__(self) -> "_Clients":
        for parameters in self._filters:
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60.0)
            connection.request("GET", f"/api/v1/logs/tail?{urlencode(parameters)}")
            self._connections.append(connection)
        self._thread.start()
        with Client(self._server.port) as client:
            self._server.process.wait_until(
                lambda: orjson.loads(client.get("/api/v1/status"))["tail"]["clients"] == len(self._filters),
                "all tails open",
                _MISSING_SECONDS,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for connection in self._connections:
            connection.close()

    def _read(self) -> None:
        mark = re.compile(rb'"message":"(%b\d+ \d+)"' % _MARK.encode())
        with selectors.DefaultSelector() as selector:
            rest: dict[object, bytes] = {}
            for connection in self._connections:
                selector.register(connection.sock, selectors.EVENT_READ, connection.sock)
            while not self._stop.is_set():
                for key, _ in selector.select(0.1):
                    new = key.data.recv(1024 * 1024)
                    now = time.monotonic()
                    self.read_bytes += len(new)
                    text = rest.get(key.data, b"") + new
                    whole, separator, rest[key.data] = text.rpartition(b"\n\n")
                    self.lines += (whole + separator).count(b'\ndata: {"log_id"')
                    for found in mark.findall(whole):
                        self.seen.setdefault(found.decode(), now)
                    if not new:
                        selector.unregister(key.data)


def _percentile(ordered: list[float], share: float) -> float:
    """Nearest rank."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
