"""Messages into records, whatever is in them: one that can't be parsed harms no other, and an engine that breaks is
made anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from logd.chunk import Chunk, Message, from_message
from logd.errors import Corrupt
from logd.parse.columns import Parsed
from logd.telemetry import metrics

log = logging.getLogger("logd.parse")


class Parses(Protocol):
    """What makes records of chunks: the parser, alone or with the rules of shaping after it."""

    def parse(self, chunks: Sequence[Chunk], taken_us: Sequence[int]) -> Parsed:
        """As Parser.parse."""
        ...

    def usable(self) -> bool:
        """As Parser.usable."""
        ...

    def close(self) -> None:
        """As Parser.close."""
        ...


class Refused(msgspec.Struct, frozen=True):
    """A message that can't be parsed, and why."""

    message: Message
    reason: str


class Parsing:
    """Not thread-safe, as the parser isn't. `make` gives a parser: now, and whenever one has broken."""

    def __init__(self, make: Callable[[], Parses]) -> None:
        self._make = make
        self._parser = make()

    def parse(self, messages: Sequence[Message]) -> tuple[Parsed, Sequence[Refused]]:
        """The records of the messages; those that can't be parsed are refused, one by one."""
        try:
            return self._parse(messages), ()
        except Exception as error:
            renewed = self._renew_broken(error)
            if len(messages) == 1:
                return self._alone(messages, error, renewed)
        half = len(messages) // 2
        left, left_refused = self.parse(messages[:half])
        right, right_refused = self.parse(messages[half:])
        return left.joined(right), (*left_refused, *right_refused)

    def close(self) -> None:
        """Gives the parser's memory back."""
        self._parser.close()

    def _alone(self, messages: Sequence[Message], error: Exception, renewed: bool) -> tuple[Parsed, Sequence[Refused]]:
        """What becomes of a message that failed by itself: unless it was the parser's own fault, it is refused."""
        if renewed:
            try:
                return self._parse(messages), ()
            except Exception as again:
                self._renew_broken(again)
                error = again
        if not isinstance(error, Corrupt):
            log.error("the parser failed on message %d", messages[0].position, exc_info=error)
        return self._parse(()), (Refused(messages[0], str(error)),)

    def _parse(self, messages: Sequence[Message]) -> Parsed:
        chunks = [from_message(message) for message in messages]
        return self._parser.parse(chunks, [message.timestamp_us for message in messages])

    def _renew_broken(self, error: Exception) -> bool:
        """After an internal error of its own DuckDB refuses every query, also those that have nothing to do with it."""
        if self._parser.usable():
            return False
        log.error("the parser's engine broke and is made anew: %s", error)
        metrics.PARSE_RENEWED.inc()
        self._parser.close()
        self._parser = self._make()
        return True
