"""What became of a notification, for the history of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec


class Result(StrEnum):
    """Of an attempt: the target has it; it will never take it so; it may take it later."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try. `status` is that of HTTP or SMTP, where there was an answer; `error` is empty when it was delivered. No
    secret is in it."""

    at_us: int
    seconds: float
    result: Result
    status: int | None = None
    error: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it in the end. A `result` of FAILED says that it was given up; then, and when it is REFUSED, it
    belongs in the dead letters."""

    result: Result
    attempts: Sequence[Attempt] = ()
    error: str = ""


class Answered(NamedTuple):
    """How a try went: `healthy` says that the target itself answered and isn't to blame, None that it wasn't asked."""

    result: Result
    status: int | None = None
    error: str = ""
    retry_seconds: float = 0.0
    healthy: bool | None = True
