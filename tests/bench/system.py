"""What a system under test looks like to the cases."""

from typing import Protocol

from tests.bench.http_client import Client, Insert
from tests.bench.process import ServerProcess


class System(Protocol):
    """A started server: ready, its data folder of its own and empty at the start."""

    @property
    def name(self) -> str:
        """As printed."""

    @property
    def process(self) -> ServerProcess:
        """For its CPU, memory and disk."""

    @property
    def port(self) -> int:
        """Of its HTTP listener on 127.0.0.1."""

    @property
    def insert(self) -> Insert:
        """Where NDJSON goes."""

    @property
    def quiet_after_seconds(self) -> float:
        """After the last line, how long it may take until the last timed background work (a flush) has begun."""

    def count(self, client: Client) -> int:
        """How many lines a search sees now."""
