"""What the cases of the cluster share: a real Kafka and Elasticsearch, and a sink in Elasticsearch's place, each
started by the first case that asks for it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.bench.bulk_sink import Sink, bulk_sink
from tests.services import Running, running


class Engines:
    """`given` are servers that run already, by name; whoever made `stack` stops the others."""

    def __init__(self, folder: Path, stack: ExitStack, given: Mapping[str, Running]) -> None:
        self._folder = folder
        self._stack = stack
        self._running = dict(given)
        self._sink: Sink | None = None
        self._numbers = itertools.count(1)

    @property
    def kafka(self) -> Running:
        """One broker."""
        return self._server("kafka")

    @property
    def elasticsearch(self) -> Running:
        """One node."""
        return self._server("elasticsearch")

    @property
    def s3(self) -> Running:
        """Without a bucket."""
        return self._server("s3")

    @property
    def sink(self) -> Sink:
        """Takes documents and keeps none."""
        if self._sink is None:
            self._sink = self._stack.enter_context(bulk_sink(self._folder))
        return self._sink

    def new_folder(self, name: str) -> Path:
        """Which isn't there yet. Its name is unlike those of all others of this run."""
        return self._folder / f"{name}-{next(self._numbers)}"

    def _server(self, name: str) -> Running:
        if name not in self._running:
            self._running[name] = self._stack.enter_context(running(name, self._folder / name))
        return self._running[name]
