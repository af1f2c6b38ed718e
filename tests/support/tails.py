"""A client of the live tail, in a thread: what it has got, and the place from which it can go on."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.support.process import PATIENCE_SECONDS, until

TAIL = "/api/v1/logs/tail"


class Event(NamedTuple):
    """`id` is the event's own."""

    name: str
    data: Any
    id: str


class TailClient:
    """Connects at once; `last_id` is where it goes on when it is given to another one. As a context manager it is
    closed at the end."""

    def __init__(
        self, port: int, last_id: str = "", header: Mapping[str, str] | None = None, **parameters: object
    ) -> None:
        self.last_id = last_id
        self.events: list[Event] = []
        self.heartbeats = 0
        self.complete = False
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        headers = {**({"Last-Event-ID": last_id} if last_id else {}), **(header or {})}
        self._connection.request("GET", f"{TAIL}?{urlencode(parameters, doseq=True)}", headers=headers)
        self._socket: socket.socket = self._connection.sock
        self._response = self._connection.getresponse()
        assert self._response.status == 200, self._response.read()
        assert self._response.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        self._thread = threading.Thread(target=self._read, name="tail")
        self._thread.start()

    def __enter__(self) -> TailClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines so far."""
        return [event.data for event in self.events if not event.name]

    def named(self, name: str) -> list[Any]:
        """The data of the events of that name."""
        return [event.data for event in self.events if event.name == name]

    def opened(self) -> TailClient:
        """Once the server says from where on it sends everything."""
        until(lambda: self.named("open"), "the tail is open")
        return self

    def close(self) -> None:
        """Cuts the connection off, wherever it is, and waits until nothing more is read."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self.wait()
        self._response.close()
        self._connection.close()

    def wait(self) -> None:
        """Until the server has ended it."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            for lines in self._blocks():
                self._take(lines)
            self.complete = True

    def _blocks(self) -> Iterator[Sequence[str]]:
        lines: list[str] = []
        while line := self._response.readline():
            if line == b"\n":
                yield lines
                lines = []
            else:
                lines.append(line.decode().removesuffix("\n"))
        assert not lines, "the end of an event is missing"

    def _take(self, lines: Sequence[str]) -> None:
        name = own_id = ""
        data: list[str] = []
        for line in lines:
            if line.startswith(":"):
                self.heartbeats += 1
                continue
            field, colon, value = line.partition(": ")
            assert colon, line
            if field == "event":
                name = value
            elif field == "id":
                own_id = value
            elif field == "data":
                data.append(value)
            else:
                assert field == "retry", line
        if data:
            self.events.append(Event(name, json.loads("\n".join(data)), own_id))
        self.last_id = own_id or self.last_id
