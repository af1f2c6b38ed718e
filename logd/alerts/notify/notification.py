"""What people are told of an alert, and the words that all kinds of actions have in common."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

#: A receiver shows them in a message, and mails have limits.
_LINES, _LINE_CHARACTERS, _METADATA_CHARACTERS = 5, 2_000, 2_000
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """Another group of the rule, of which the same message tells that it fires or is resolved."""

    group: Mapping[str, str | None]
    firing: bool
    value: float
    started_us: int


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """That a group of a rule fires or is resolved. `group` are names and values of the rule's `group_by`, in its order.
    `value` is that of `aggregation` over `window_seconds`, which `compare` holds against `threshold`, where the rule
    has one. `started_us` is when this firing began, `ended_us` when it ended, `made_us` when this was decided: Unix µs.
    `lines` are records by their names on the wire, see `samples`; `link` leads to the search that shows them. `number`
    counts the repetitions of a firing that goes on, from 0. `others` are further groups of the rule, with `more` that
    aren't named. A `test` is sent to see whether it arrives."""

    rule_id: str
    rule: str
    description: str = ""
    severity: str
    labels: Mapping[str, str] = {}
    runbook: str = ""
    group: Mapping[str, str | None] = {}
    firing: bool
    test: bool = False
    aggregation: str
    value: float
    compare: str = ">"
    threshold: float | None = None
    window_seconds: int
    started_us: int
    ended_us: int | None = None
    made_us: int
    lines: Sequence[Mapping[str, Any]] = ()
    link: str = ""
    number: int = 0
    others: Sequence[Other] = ()
    more: int = 0

    @property
    def firing_key(self) -> str:
        """The same from a firing to its end, and never again: 32 hex digits."""
        of = json.dumps([self.rule_id, list(self.group.items()), self.started_us, *(["test"] if self.test else [])])
        return hashlib.sha256(of.encode()).hexdigest()[:32]

    @property
    def key(self) -> str:
        """The same for every attempt to deliver this, and for nothing else."""
        return f"{self.firing_key}-{self.status}-{self.number}"

    @property
    def status(self) -> str:
        """As receivers call it."""
        return "test" if self.test else status_of(self.firing)


def samples(records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Of records those that are shown, with what isn't too long: at most five, of some 4 kB each."""
    return [_shown(record) for record in records[:_LINES]]


def _shown(record: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = {name: value for name, value in record.items() if value is not None}
    if isinstance(message := shown.get("message"), str):
        shown["message"] = cut(message, _LINE_CHARACTERS)
    if len(json.dumps(shown.get("metadata"), default=str)) > _METADATA_CHARACTERS:
        del shown["metadata"]
    return shown


def cut(text: str, characters: int) -> str:
    """The text, or so much of it that the ellipsis fits in."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def title(told: Notification) -> str:
    """One line: `firing: Payment errors (service payment) and 3 more`."""
    group = _group_text(told.group)
    further = len(told.others) + told.more
    rest = f" and {further} more" if further else ""
    return one_line(f"{told.status}: {told.rule}" + (f" ({group})" if group else "") + rest)


def others_text(told: Notification) -> Sequence[str]:
    """A line for each of the other groups, `firing: service cart, count is 7`, and one for those that aren't named."""
    lines = [
        one_line(f"{status_of(other.firing)}: {_group_text(other.group)}, {told.aggregation} is {number(other.value)}")
        for other in told.others
    ]
    return [*lines, f"and {told.more} more"] if told.more else lines


def status_of(firing: bool) -> str:
    """As receivers call it."""
    return "firing" if firing else "resolved"


def _group_text(group: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {value or '(none)'}" for name, value in group.items())


def measured(told: Notification) -> str:
    """`count is 123 > 100 in 5 min`."""
    against = "" if told.threshold is None else f" {told.compare} {number(told.threshold)}"
    if not told.firing and against:
        against = f", fires {against.strip()},"
    return f"{told.aggregation} is {number(told.value)}{against} in {lasting(told.window_seconds)}"


def facts(told: Notification) -> Sequence[tuple[str, str]]:
    """What a person wants to know, by name, in order."""
    found = [
        ("Severity", told.severity),
        ("Value", measured(told)),
        *((name, value or "(none)") for name, value in told.group.items()),
        ("Started", time_text(told.started_us)),
    ]
    if told.ended_us is not None:
        found.append(("Ended", time_text(told.ended_us)))
    found += told.labels.items()
    return found


def line_text(record: Mapping[str, Any]) -> str:
    """A record on one line, as in a log file."""
    parts = (record.get(name) for name in ("timestamp", "level", "service", "host", "message"))
    return one_line(" ".join(str(part) for part in parts if part))


def one_line(text: str) -> str:
    """Without characters that begin a new one, or that aren't visible."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def number(value: float) -> str:
    """As people write it: `123`, `0.0417`, `1.5e+20`."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}"


def lasting(seconds: int) -> str:
    """In the largest unit of which it is a multiple: `5 min`, `90 s`."""
    length, name = next(unit for unit in _UNITS if seconds % unit[0] == 0)
    return f"{seconds // length} {name}"


def time_text(unix_us: int) -> str:
    """RFC 3339, in UTC, with milliseconds."""
    seconds, rest = divmod(unix_us, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_link(text: str) -> bool:
    """Whether to make it a link: a runbook may also be a name, and what isn't HTTP may be code."""
    return text.startswith(("http://", "https://")) and text.isprintable() and " " not in text
