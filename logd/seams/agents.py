"""What agents say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

#: They are read whole: some 20 MB.
MAX_AGENTS = 20_000
#: Of a report as JSON.
MAX_REPORT_BYTES = 16_384
#: Of what an agent says is wrong.
MAX_ERROR_CHARACTERS = 500
#: An agent that hasn't said anything for so long is forgotten.
AGENT_KEPT_US = 7 * 86_400 * 1_000_000
#: What was seen later than so from now was dated by a clock that has been put back since, and is older than all else.
AGENT_AHEAD_US = 300 * 1_000_000
AGENTS_PATH = "/api/v1/agents"
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Seconds = Annotated[float, Meta(ge=0, le=1e10)]
_Error = Annotated[str, Meta(max_length=MAX_ERROR_CHARACTERS)]


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it does. Counts are since its start; errors are empty while nothing is wrong. `oldest_waiting_seconds` is how
    long ago the oldest line was written, or read, that the target doesn't have; None when nothing waits. `last_error`
    is the last of all errors, which may be over, and `last_error_at` when it was seen last. What it doesn't say is
    0."""

    files: _Count = 0
    unreadable_files: _Count = 0
    behind_bytes: _Count = 0
    oldest_waiting_seconds: _Seconds | None = None
    sent_lines: _Count = 0
    sent_chunks: _Count = 0
    pending_chunks: _Count = 0
    spool_bytes: _Count = 0
    spool_lines: _Count = 0
    spool_oldest_seconds: _Seconds | None = None
    replaying: bool = False
    pods: _Count = 0
    cut_lines: _Count = 0
    dropped_lines: _Count = 0
    lost_bytes: _Count = 0
    refused_lines: _Count = 0
    conflict_lines: _Count = 0
    truncations: _Count = 0
    damaged_rows: _Count = 0
    spool_dropped_lines: _Count = 0
    spool_lost_lines: _Count = 0
    target_error: _Error = ""
    spool_error: _Error = ""
    state_error: _Error = ""
    pods_error: _Error = ""
    file_error: _Error = ""
    last_error: _Error = ""
    last_error_at: Annotated[datetime, Meta(tz=True)] | None = None

    @property
    def error(self) -> str:
        """What is wrong now, the worst first; empty when nothing is."""
        errors = (self.state_error, self.spool_error, self.target_error, self.file_error, self.pods_error)
        return next(filter(None, errors), "")


class AgentReport(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the agent's own, which lasts as long as its data folder. Fields of later versions are ignored."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{16,64}$")]
    host: Annotated[str, Meta(min_length=1, max_length=255)]
    version: Annotated[str, Meta(max_length=64)] = ""
    started: Annotated[datetime, Meta(tz=True)]
    status: AgentStatus = AgentStatus()

    @property
    def key(self) -> str:
        """An agent is its id on its host: data folders are copied with machines, and who may report for one host can't
        take the place of an agent of another."""
        return blake2b(f"{self.id} {self.host}".encode(), digest_size=16).hexdigest()


class SeenAgent(msgspec.Struct, frozen=True):
    """The last report, and when it came, in Unix µs."""

    report: AgentReport
    seen_us: int


class Agents(Protocol):
    """The last reports, which several processes keep together. Every call raises Unavailable when it can't be done now,
    and Corrupt when what is kept can't be made sense of."""

    async def put(self, seen: Sequence[SeenAgent]) -> bool:
        """Keeps them, durably and all at once, no two of the same agent; an older one doesn't take the place of a newer
        one, unless that is from the future (AGENT_AHEAD_US). False when they aren't kept, since there is nothing to
        keep them in yet."""
        ...

    async def all(self) -> Sequence[SeenAgent]:
        """At most MAX_AGENTS, those that were seen last. A damaged one is left out, and logged."""
        ...

    async def forget(self, before_us: int) -> int:
        """Removes those seen before then, and of the others what is more than MAX_AGENTS, the longest unseen first; how
        many."""
        ...
