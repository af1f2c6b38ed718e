"""How soon people are told, through the real process: after a line was accepted, and after a restart."""

from __future__ import annotations

import http.server
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.bench.bench import Bench
from tests.bench.case_alerts import mixed
from tests.bench.case_latency import load_on, percentile
from tests.bench.http_client import Client
from tests.bench.logd_server import LogdServer, logd_server
from tests.bench.report import Line

_NO_PEER = "p99; no peer: ElastAlert asks every minute"
_RULES = 1_000
#: One message names 21 groups, and says how many more there are.
_BEFORE = 10
_GAP_SECONDS = 0.05
_MISSING_SECONDS = 60.0


class _Told:
    """When the message of each group came, by the monotonic clock."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.at: dict[str, float] = {}


def alerts_latency(bench: Bench) -> Line:
    """From the 202 of the line by which a count of a window of 60 s is over its threshold to the webhook: p99, goal 2
    s. A thousand other rules watch."""
    folder = bench.folder / "alerts_latency"
    with _told() as told, _server(folder, told) as server, Client(server.port) as client:
        _fire(server, client, told, ["warm"])
        with load_on(folder / "load.log"):
            took = sorted(_fire(server, client, told, [f"probe-{number}" for number in range(bench.probes)]))
    more = {"p50": percentile(took, 0.5), "max": took[-1]}
    return Line("alerts_latency", percentile(took, 0.99), "s", len(took), goal=2.0, note=_NO_PEER, more=more)


def alerts_restart(bench: Bench) -> Line:
    """From the start of a process with a thousand rules, and counts of before, to the webhook for a line that was
    accepted as soon as it was ready; goal 10 s."""
    folder = bench.folder / "alerts_restart"
    with _told() as told:
        with _server(folder, told) as server, Client(server.port) as client, load_on(folder / "load.log"):
            _fire(server, client, told, [f"before-{number}" for number in range(_BEFORE)])
        began = time.monotonic()
        with _server(folder, told) as server, Client(server.port) as client:
            ready = time.monotonic() - began
            _fire(server, client, told, ["after"])
            took = told.at["after"] - began
    return Line("alerts_restart", took, "s", _RULES, goal=10.0, note=_NO_PEER, more={"ready": ready})


@contextmanager
def _server(folder: Path, told: _Told) -> Iterator[LogdServer]:
    rules = folder / "rules"
    if not rules.exists():
        rules.mkdir(parents=True)
        (folder / "load.log").touch()
        (rules / "rules.toml").write_text("\n".join(_written(mixed(number)) for number in range(_RULES)))
        condition = {"query": "alertprobe", "threshold": 2, "window_seconds": 60}
        action = {"type": "webhook", "url": told.url}
        probe = {"name": "probe", "condition": condition, "group_by": ["probe"], "action": action}
        (rules / "probe.toml").write_text(_written(probe))
    settings = {
        "alerts.rules": rules,
        "alerts.group_interval_seconds": 0,
        "alerts.notify.allow": '["127.0.0.1"]',
        "alerts.notify.rate_per_minute": 100_000,
    }
    with logd_server(folder, [folder / "load.log"], settings) as server, Client(server.port) as client:

        def watches() -> bool:
            status = orjson.loads(client.get("/api/v1/status"))
            return bool(status["alerter"]["rules"] == _RULES + 1)

        server.process.wait_until(watches, "watching by all rules", _MISSING_SECONDS)
        yield server


def _fire(server: LogdServer, client: Client, told: _Told, groups: Sequence[str]) -> list[float]:
    """Seconds for each."""
    accepted = {}
    for group in groups:
        line = orjson.dumps({"message": "alertprobe", "service": "bench", "probe": group})
        client.post(server.insert, b"\n".join([line] * 3))
        accepted[group] = time.monotonic()
        time.sleep(_GAP_SECONDS)
    server.process.wait_until(lambda: accepted.keys() <= told.at.keys(), "telling of all", _MISSING_SECONDS)
    return [told.at[group] - at for group, at in accepted.items()]


def _written(rule: Mapping[str, Any]) -> str:
    """As TOML: a JSON text is a basic string of it, and numbers and lists are the same."""
    return "[[rule]]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in rule.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return orjson.dumps(value).decode()


@contextmanager
def _told() -> Iterator[_Told]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            at = time.monotonic()
            message = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            groups = itertools.chain([message["group"]], (other["group"] for other in message["others"]))
            if message["status"] == "firing":
                for group in groups:
                    told.at.setdefault(str(group["probe"]), at)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = _Told(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="bench.hook")
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
