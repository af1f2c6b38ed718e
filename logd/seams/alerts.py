"""Alert rules that people have made, silences, and acknowledgements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from logd.seams.kept import Kept, Named

#: They are listed whole, and every alerter has all of them in memory.
MAX_RULES = 10_000
MAX_SILENCES = 1_000
#: Of a rule as JSON. MariaDB's MEDIUMTEXT takes 16 MB.
MAX_RULE_BYTES = 200_000
MAX_WHY_CHARACTERS = 2_000
#: A silence that has ended is kept for so long: people ask why they weren't told.
SILENCE_KEPT_US = 30 * 86_400 * 1_000_000


class AlertRule(Named, frozen=True, kw_only=True):
    """`rule` is what `alerts.shown.written` gives, with its secrets."""

    rule: Mapping[str, Any]


#: Those of all who are alerted; there are MAX_RULES at most.
AlertRules = Kept[AlertRule]


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is told of what matches, from `from_us` on, until `to_us`. `rule` is a rule's id, or a glob of names;
    `labels` and `group` have a glob for each label and field that they name. Of an alert all of them match. `why` is
    for people; `owner` and `created_by` as of AlertRule. Times are Unix µs."""

    id: str
    rule: str = "*"
    labels: Mapping[str, str] = {}
    group: Mapping[str, str] = {}
    from_us: int
    to_us: int
    why: str = ""
    owner: str = ""
    created_by: str = ""
    created_us: int


class Silences(Protocol):
    """Silences, those to come and those that ended lately too. Errors are as of AlertRules."""

    async def create(self, silence: Silence) -> None:
        """Keeps it, durably, and forgets those that ended SILENCE_KEPT_US before `created_us`. Raises Conflict when its
        id is taken, or when there are MAX_SILENCES, as AlertRules.create does."""
        ...

    async def all(self) -> Sequence[Silence]:
        """Those that end first come first. A damaged one is left out, and logged."""
        ...

    async def find(self, silence_id: str) -> Silence | None:
        """None when there is none. Raises Corrupt when it is damaged."""
        ...

    async def delete(self, silence_id: str) -> None:
        """Removes it, durably. Raises NotFound."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody cares for what fires: the `group` of a rule, since `fired_us`; another firing is another matter. Times
    are Unix µs."""

    rule_id: str
    group: tuple[str | None, ...] = ()
    fired_us: int
    by: str = ""
    why: str = ""
    at_us: int


class Acknowledgements(Protocol):
    """One for each group of a rule at most. Errors are as of AlertRules."""

    async def put(self, acknowledgement: Acknowledgement) -> None:
        """Keeps it, durably, in the place of an earlier one of the same group."""
        ...

    async def all(self) -> Sequence[Acknowledgement]:
        """The earliest first. A damaged one is left out, and logged."""
        ...

    async def remove(self, rule_id: str, group: tuple[str | None, ...] | None = None) -> int:
        """Removes that of a group, or of all groups of a rule, durably; how many there were."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...
