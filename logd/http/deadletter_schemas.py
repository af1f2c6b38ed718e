"""Bodies of what is asked and answered about dead letters; the schemas of OpenAPI are made of them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that couldn't be stored. `time` is when it was refused, `size` its bytes as they were in the queue,
    `replayable` false when it is known that a replay would change nothing."""

    position: int
    time: str
    reason: str
    service: str
    host: str
    source: str
    lines: int
    size: int
    replayable: bool
    preview: str


class DeadLetterPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`next_after` is null when this is the last page."""

    deadletters: list[DeadLetter]
    next_after: int | None


class WholeDeadLetter(DeadLetter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`text` is what the bytes say, unpacked; null when that is no text, or over 16 MiB."""

    headers: dict[str, str]
    text: str | None
    base64: str


class WhichDeadLetters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either positions, or all that there are."""

    positions: list[Annotated[int, Meta(ge=1, le=2**63 - 1)]] | None = None
    all: bool = False


class Replayed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages and lines that are in the queue again, positions at which there was none, and, by position, why one
    stays."""

    replayed: int
    lines: int
    missing: list[int]
    refused: dict[str, str]


class Removed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages and lines that are deleted, and positions at which there was none."""

    removed: int
    lines: int
    missing: list[int]
