"""What answers about agents look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

import msgspec

from logd.seams import AgentStatus

State = Literal["ok", "behind", "silent", "error"]


class AgentTaken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When it was seen, which is now."""

    seen: str


class Agent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent has said last. Times are RFC 3339 in UTC. `state` is the first that is so: "silent" since it has
    said nothing for `api.agent_silent_seconds`, "error" as something is wrong, "behind" as lines have waited for a
    minute or are in its spool, else "ok". `oldest_waiting` is when the oldest line was written, or read, that the
    target doesn't have. `error` is what is wrong now, `last_error` what was wrong last and may be over; null for
    nothing. `status` is all of it, as it was then."""

    id: str
    host: str
    version: str
    started: str
    last_seen: str
    seen_seconds: float
    state: State
    behind_bytes: int
    spool_bytes: int
    spool_lines: int
    oldest_waiting: str | None
    error: str | None
    last_error: str | None
    last_error_at: str | None
    status: AgentStatus


class AgentStates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many there are of each state, whatever was asked for."""

    ok: int
    behind: int
    silent: int
    error: int


class AgentList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By host. `total` are those of the filter; `silent_seconds` is the setting. With `partial`, those that other
    servers know may be missing, for the reason in `warnings`."""

    agents: list[Agent]
    total: int
    states: AgentStates
    silent_seconds: float
    partial: bool
    warnings: list[str]
