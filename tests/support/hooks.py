"""A receiver of webhooks for tests of whole processes: it runs in a thread, and outlives the servers that call it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hook:
    """What came, in order. `status` is what the next request is answered."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.status = 204
        #: Answered with 204.
        self.told: list[dict[str, Any]] = []
        #: Of these, by their names in lower case.
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.refused = 0

    def titles(self) -> list[str]:
        """`firing: pay (host a)`."""
        return [one["title"] for one in self.told]


@contextmanager
def hook() -> Iterator[Hook]:
    """Ends with the test."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = made.status
            if status == 204:
                made.headers.append({name.lower(): text for name, text in self.headers.items()})
                made.bodies.append(body)
                made.told.append(json.loads(body))
            else:
                made.refused += 1
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Hook(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
