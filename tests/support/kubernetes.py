"""A server of pods that answers as Kubernetes' API documents it, for tests of the agent."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme

from logd.config.schema import Kubernetes

NODE = "node-1"


def pod(name: str, uid: str, version: int, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata, "spec": {"nodeName": NODE, "containers": [{"name": "app", "image": "i:1"}]}}


def kubernetes(server: str, ca_file: Path, token_file: Path, namespace_labels: bool = False) -> Kubernetes:
    return Kubernetes(
        source="api",
        server=server,
        ca_file=str(ca_file),
        token_file=str(token_file),
        node=NODE,
        namespace_labels=namespace_labels,
    )


class Api:
    """Lists two pods, a page each, and then gives each watch the next of `watches`: its events, or a status."""

    def __init__(self, folder: Path) -> None:
        self.watches: list[list[dict[str, Any]] | int] = []
        self.requests: list[tuple[str, dict[str, str], str]] = []
        self.refuse = 0
        #: What is cut once: the first answer to a "list", the second event of a "watch".
        self.cut: set[str] = set()
        authority = trustme.CA()
        self.ca_file, self.token_file = folder / "ca.pem", folder / "token"
        authority.cert_pem.write_to_path(self.ca_file)
        self.token_file.write_text("first\n")
        api, self._closing = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                api.requests.append((url.path, query, self.headers.get("Authorization", "")))
                if api.refuse:
                    api.refuse -= 1
                    self._answer(403, {"code": 403, "message": "pods is forbidden"})
                elif "watch" in query:
                    self._watch()
                elif "continue" in query:
                    self._answer(200, {"metadata": {"resourceVersion": "10"}, "items": [pod("b", "u2", 8)]})
                else:
                    self._answer(200, {"metadata": {"continue": "x"}, "items": [pod("a", "u1", 7, app="a")]})

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.close_connection = "list" in api.cut
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2] if self.close_connection else data)
                api.cut.discard("list")

            def _watch(self) -> None:
                events = api.watches.pop(0) if api.watches else []
                if isinstance(events, int):
                    self._answer(events, {"code": events, "message": "too old"})
                    return
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for number, event in enumerate(events):
                    data = json.dumps(event).encode() + b"\n"
                    chunk = b"%x\r\n%s\r\n" % (len(data), data)
                    if number and "watch" in api.cut:
                        api.cut.remove("watch")
                        self.wfile.write(chunk[: len(chunk) // 2])
                        self.close_connection = True
                        return
                    self.wfile.write(chunk)
                    self.wfile.flush()
                if not api.watches:
                    api._closing.wait()
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def settings(self) -> Kubernetes:
        return kubernetes(self.url, self.ca_file, self.token_file)
