"""Pods as Kubernetes' API describes them: those of this node are listed once, and then watched.

The list is taken from the API server's cache (resourceVersion=0), which spares etcd. A watch that ends goes on where it
was; when the API has forgotten that place (410 Gone), all are listed anew. The token and the authority's certificate
are read for every request, since the kubelet replaces them. http.client in a thread instead of aiohttp spares 8 MB.

It needs the right to list and watch pods, and namespaces for `namespace_labels`.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import http.client
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from logd.agent.pods import Item, Pods
from logd.config.address import Url, parse_url
from logd.config.schema import Kubernetes
from logd.errors import ConfigError, Unavailable

logger = logging.getLogger("logd.agent")
#: For each read. A watch says something once a minute (a bookmark) as a rule: one that doesn't for longer is asked
#: again, which costs little.
_TIMEOUT_SECONDS = 90.0
_CONNECT_SECONDS = 10.0
#: An API server ends a watch after this; those of many nodes shouldn't all come back at once.
_WATCH_SECONDS = (300, 600)
_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.5, 30.0
#: A watch that ends sooner is asked again like one that fails, ever later: some server or proxy allows no longer one.
_SHORT_SECONDS = 5.0
#: A page of a list, and the longest event: an object has 1.5 MB at most, hundreds of pods some 20 kB each.
_PAGE, _MAX_LIST_BYTES, _MAX_EVENT_BYTES = 500, 256 * 1024 * 1024, 8 * 1024 * 1024


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _ListMetadata
    items: list[Item] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Gone(Exception):
    """The API no longer knows what has changed since."""


class _Resource(NamedTuple):
    path: str
    selector: str
    kind: str


class PodsApi:
    """A PodSource."""

    def __init__(self, settings: Kubernetes, environ: Mapping[str, str]) -> None:
        """Raises ConfigError when what isn't set isn't in the environment either."""
        self.pods = Pods(settings)
        url, node = _address(settings, environ), settings.node or environ.get("NODE_NAME", "")
        if not node:
            raise ConfigError("agent.kubernetes.node is empty and so is $NODE_NAME: expected this node's name")
        wanted = [_Resource("/api/v1/pods", f"spec.nodeName={node}", "Pod")]
        if settings.namespace_labels:
            wanted.append(_Resource("/api/v1/namespaces", "", "Namespace"))
        self._watches = [_Watch(url, settings, resource, self.pods) for resource in wanted]

    @property
    def error(self) -> str:
        """Why nothing new is known; empty when it is."""
        return next((watch.error for watch in self._watches if watch.error), "")

    def refresh(self, now: float) -> None:
        """Nothing: what is new comes by itself."""

    async def run(self, stop: asyncio.Event) -> None:
        """Lists and watches, in threads, until `stop`."""
        threads = ThreadPoolExecutor(len(self._watches), "agent.kubernetes")
        loop = asyncio.get_running_loop()
        running = [loop.run_in_executor(threads, watch.run) for watch in self._watches]
        try:
            await stop.wait()
        finally:
            for watch in self._watches:
                watch.close()
            threads.shutdown(wait=False)
        await asyncio.gather(*running)


class _Watch:
    """One resource. `run` is for a thread of its own."""

    def __init__(self, url: Url, settings: Kubernetes, resource: _Resource, pods: Pods) -> None:
        self.error = ""
        self._url = url
        self._settings = settings
        self._resource = resource
        self._pods = pods
        self._closing = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        #: Up to which change all is known; empty before a list.
        self._version = ""
        self._from_cache = True

    def run(self) -> None:
        """Until `close`."""
        failures = 0
        while not self._closing.is_set():
            asked = time.monotonic()
            try:
                if not self._version:
                    self._list()
                self._watch()
            except _Gone as gone:
                logger.info("%s is listed anew: %s", self._resource.path, gone)
                self._version, self._from_cache = "", False
            except (OSError, http.client.HTTPException, msgspec.MsgspecError, Unavailable, ValueError) as error:
                if self._closing.is_set():
                    return
                self._say(str(getattr(error, "strerror", None) or error or type(error).__name__))
            finally:
                self._disconnect()
            failures = failures + 1 if time.monotonic() - asked < _SHORT_SECONDS else 0
            seconds = min(_LONGEST_RETRY_SECONDS, _RETRY_SECONDS * 2 ** min(failures, 10))
            self._closing.wait(seconds * random.uniform(0.5, 1.0))

    def close(self) -> None:
        """Ends what is under way."""
        self._closing.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            # Not SSLSocket's own, which takes the TLS away from the thread that reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def _list(self) -> None:
        items: list[Item] = []
        query = {"limit": str(_PAGE)}
        if self._from_cache:
            query["resourceVersion"] = "0"
        while True:
            with self._get(query) as response:
                body = response.read(_MAX_LIST_BYTES + 1)
            if len(body) > _MAX_LIST_BYTES:
                raise Unavailable(f"{self._resource.path} has over {_MAX_LIST_BYTES} bytes")
            page = msgspec.json.decode(body, type=_List)
            items += page.items or []
            if not page.metadata.continue_:
                break
            query = {"limit": str(_PAGE), "continue": page.metadata.continue_}
        if self._resource.kind == "Pod":
            self._pods.replace(items)
        else:
            self._pods.replace_namespaces(items)
        self._version = page.metadata.resource_version

    def _watch(self) -> None:
        """Takes changes until the server ends it, or says nothing for too long."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(random.randint(*_WATCH_SECONDS)),
        }
        with self._get(query) as response, contextlib.suppress(TimeoutError):
            self._say("")
            while line := response.readline(_MAX_EVENT_BYTES):
                self._take(msgspec.json.decode(line, type=_Event))

    def _take(self, event: _Event) -> None:
        if event.type == "ERROR":
            status = msgspec.json.decode(event.object, type=_Status)
            if status.code == http.HTTPStatus.GONE:
                raise _Gone(status.message)
            raise Unavailable(f"{self._resource.path}: {status.code} {status.message}")
        item = msgspec.json.decode(event.object, type=Item)
        item.kind = self._resource.kind
        if event.type in ("ADDED", "MODIFIED"):
            self._pods.put(item)
        elif event.type == "DELETED":
            self._pods.remove(item)
        self._version = item.metadata.resource_version or self._version

    def _get(self, query: Mapping[str, str]) -> http.client.HTTPResponse:
        """The answer to a request on a new connection. Raises what `run` catches."""
        self._disconnect()
        url, settings = self._url, self._settings
        if url.https:
            context = ssl.create_default_context(cafile=settings.ca_file or None)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                url.host, url.port, timeout=_CONNECT_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(url.host, url.port, timeout=_CONNECT_SECONDS)
        self._connection = connection
        connection.connect()
        if self._closing.is_set():
            raise Unavailable("closing")
        connection.sock.settimeout(_TIMEOUT_SECONDS)
        headers = {"Accept": "application/json"}
        if settings.token_file:
            with open(settings.token_file) as file:
                headers["Authorization"] = f"Bearer {file.read().strip()}"
        if self._resource.selector:
            query = {**query, "fieldSelector": self._resource.selector}
        connection.request("GET", f"{url.path}{self._resource.path}?{urlencode(query)}", headers=headers)
        response = connection.getresponse()
        if response.status == http.HTTPStatus.OK:
            return response
        said = _message(response.read(64 * 1024))
        if response.status == http.HTTPStatus.GONE:
            raise _Gone(said)
        raise Unavailable(f"{self._resource.path}: {response.status} {said}")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _say(self, error: str) -> None:
        if error and error != self.error:
            logger.warning("Kubernetes' API can't be asked, new pods are labelled by their paths: %s", error)
        self.error = error


def _address(settings: Kubernetes, environ: Mapping[str, str]) -> Url:
    if settings.server:
        return parse_url(settings.server)
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        return parse_url(f"https://{f'[{host}]' if ':' in host else host}:{port}")
    except ValueError:
        raise ConfigError(
            "agent.kubernetes.server is empty and $KUBERNETES_SERVICE_HOST is no address: expected a URL"
        ) from None


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Status).message
    except msgspec.MsgspecError:
        return repr(body[:60].decode(errors="replace"))
