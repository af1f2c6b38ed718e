"""What a system under test looks like to the cases."""

from datetime import datetime
from typing import Protocol

from tests.bench.http_client import Client, Insert
from tests.bench.process import ServerProcess
from tests.bench.queries import Figures, Question


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

    def forms(self, question: Question) -> dict[str, str]:
        """Request targets that each give the answer, by the name of the form."""

    def times(self, body: bytes) -> list[datetime]:
        """The records' times in the body of an answer to a Query, in its order."""

    def figures(self, question: Figures, body: bytes) -> dict[tuple[str, ...], float]:
        """What the body of an answer to Figures holds, as Figures.truth has it."""

    def counts(self, body: bytes) -> dict[tuple[int, str], int]:
        """What the body of an answer to Counts holds, as Counts.truth has it."""
