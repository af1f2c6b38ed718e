"""One JSON line a case: a figure of logd, its goal, and the same figure of its peer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

#: Of this the goals are stated, and the reference figures below.
GOAL_LINES = 1_000_000
NO_PEER = "set $VICTORIA_LOGS to the path of its binary to measure it in the same run"

#: VictoriaLogs 1.26 on the corpus of GOAL_LINES lines, two noisy cores: the tables of shared/data/README.md.
REFERENCE_NAME = "VictoriaLogs 1.26 in shared/data/README.md"
REFERENCE_INGEST_CPU_SECONDS = 11.4
REFERENCE_BYTES_A_LINE = 52.0
REFERENCE_MS = {
    "newest100_word": 205.0,
    "newest100_word_total": 205.0,
    "newest100_word_service": 32.0,
    "newest100_level": 70.0,
    "newest100_all": 458.0,
    "one_trace_id": 4.0,
}


@dataclass(frozen=True)
class Line:
    """A case's result. `goal` is the largest `value` that meets it, None where the figure has no goal.

    `ratio` is value by peer_value, or by the reference's where no peer was measured (see `note`).
    """

    case: str
    value: float
    unit: str
    lines: int
    goal: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    note: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the value, unrounded, meets the goal."""
        return None if self.goal is None else self.value <= self.goal

    def json(self) -> str:
        """The line as printed, without its newline."""
        shown: dict[str, Any] = {
            "case": self.case,
            "value": _rounded(self.value),
            "unit": self.unit,
            "goal": _rounded(self.goal),
            "met": self.met,
            "peer": self.peer,
            "peer_value": _rounded(self.peer_value),
            "ratio": _rounded(self.ratio),
            "lines": self.lines,
        }
        more = {name: _rounded(value) for name, value in self.more.items()}
        note = {} if self.note is None else {"note": self.note}
        return orjson.dumps({**shown, **more, **note}).decode()


def compared(
    case: str,
    value: float,
    unit: str,
    lines: int,
    *,
    peer: tuple[str, float] | None,
    reference: float | None,
    goal_ratio: float | None = None,
    goal: float | None = None,
    more: Mapping[str, Any] | None = None,
    no_peer: str = NO_PEER,
    reference_name: str = REFERENCE_NAME,
) -> Line:
    """A figure beside its peer's (name, value); without one, beside `reference`, that of as many lines.

    The goal is `goal_ratio` times what it stands against, or the absolute `goal`.
    """
    notes = [] if lines == GOAL_LINES else [f"the goal is stated for {GOAL_LINES} lines"]
    against = reference if peer is None else peer[1]
    if peer is None:
        notes.insert(0, no_peer)
        if reference is not None:
            notes.insert(1, f"ratio to {reference:.4g} {unit} of {reference_name}")
    if goal_ratio is not None and against is not None:
        goal = goal_ratio * against
    return Line(
        case,
        value,
        unit,
        lines,
        goal=goal,
        peer=None if peer is None else peer[0],
        peer_value=None if peer is None else peer[1],
        ratio=value / against if against else None,
        note="; ".join(notes) or None,
        more=more or {},
    )


def _rounded(value: Any) -> Any:
    """Floats to four digits: more would be noise."""
    return float(f"{value:.4g}") if isinstance(value, float) else value
