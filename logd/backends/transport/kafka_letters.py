"""Dead letters over Kafka: appended like everything else, but not yet looked at or taken out by logd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from logd.chunk import Message
from logd.errors import NotFound
from logd.seams import Moved

T = TypeVar("T")


class KafkaDeadLetters:
    """seams.DeadLetters, all of whose calls raise NotFound: a Kafka topic gives up no single message."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    async def look(self, after: int, limit: int, see: Callable[[Message], T]) -> list[T]:
        raise self._refusal()

    async def read(self, position: int) -> Message:
        raise self._refusal()

    async def replay(self, positions: Sequence[int] | None) -> Moved:
        raise self._refusal()

    async def remove(self, positions: Sequence[int] | None, before_us: int | None = None) -> Moved:
        raise self._refusal()

    def _refusal(self) -> NotFound:
        return NotFound(
            f"dead letters on Kafka are in its topic {self._topic}, each with its reason in the header "
            "dead-letter-reason; this version of logd can't list, replay or remove them there"
        )
