"""Pods as a file describes them, which somebody else keeps up to date, such as `kubectl get pods -o json` by a timer.

The file is JSON, a list of the API (PodList, List) or an array, or NDJSON, an object a line: pods, and namespaces for
their labels. It is read again when it has changed; better to replace it than to write into it. One that can't be read
leaves known what was.
"""

from __future__ import annotations

import asyncio
import logging
import os

import msgspec

from logd.agent.pods import Item, Pods
from logd.config.schema import Kubernetes

logger = logging.getLogger("logd.agent")
#: Thousands of pods as kubectl prints them; a larger file is another one.
_MAX_BYTES = 256 * 1024 * 1024
_LOOK_SECONDS = 1.0


class _List(msgspec.Struct):
    kind: str = ""
    items: list[Item] | None = None


class PodsFile:
    """A PodSource."""

    def __init__(self, settings: Kubernetes) -> None:
        self.pods = Pods(settings)
        self._path = settings.file
        self._next_look = float("-inf")
        self._look: tuple[int, int, int] | None = None
        self._error = ""

    @property
    def error(self) -> str:
        """Why nothing new is known; empty when it is."""
        return self._error

    async def run(self, stop: asyncio.Event) -> None:
        """Nothing: the file is read where files are."""

    def refresh(self, now: float) -> None:
        """Reads the file when it has changed."""
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        try:
            found = os.stat(self._path)
            look = (found.st_ino, found.st_size, found.st_mtime_ns)
            if look == self._look:
                return
            items = self._read()
        except (OSError, ValueError) as error:
            self._say(f"agent.kubernetes.file {self._path} can't be read: {getattr(error, 'strerror', None) or error}")
            return
        self._look = look
        self.pods.replace(item for item in items if item.kind in ("", "Pod"))
        self.pods.replace_namespaces(item for item in items if item.kind == "Namespace")
        self._say("")

    def _read(self) -> list[Item]:
        with open(self._path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"it has over {_MAX_BYTES} bytes")
        return items_of(data)

    def _say(self, error: str) -> None:
        if error and error != self._error:
            logger.warning("%s; pods that it doesn't describe are labelled by their paths", error)
        self._error = error


def items_of(data: bytes) -> list[Item]:
    """What the file describes. Raises ValueError when it is none of those."""
    try:
        if data.lstrip()[:1] == b"[":
            return msgspec.json.decode(data, type=list[Item])
        try:
            found = msgspec.json.decode(data, type=_List)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            lines = [line for line in data.splitlines() if line.strip()]
            return [msgspec.json.decode(line, type=Item) for line in lines]
        return found.items if found.items is not None else [msgspec.json.decode(data, type=Item)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is no list of pods: {error}") from error
