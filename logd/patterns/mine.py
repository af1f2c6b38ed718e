"""Templates with their counts, from rows that an engine can ask by SQL.

The counts are those of masks, added up, and so exact: each row has one mask and each mask one template, but those
beyond MOST_MASKS, which have none and are counted together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from logd.patterns import masks
from logd.patterns.templates import templates
from logd.query.sql import Condition
from logd.seams import Mined, Pattern, Patterns

if TYPE_CHECKING:
    import pyarrow as pa

#: Of the most frequent masks the templates are made, which takes Python some 3 µs each, where nothing is like anything
#: else 0.2 ms.
MOST_MASKS = 10_000
#: Of a pattern, so many services are counted apart.
MOST_SERVICES = 20
Counts = Counter[str | None]


class Rows(NamedTuple):
    """What is asked: `cells` gives those of masks.cells for the condition, `coarse` or not. `ask` answers a query over
    `rows`, with its parameters; rows of other moments (Unix µs) than those given may be left out. `go_on` raises once
    nobody waits any more."""

    cells: Callable[[bool], pa.Table]
    ask: Callable[[str, Condition, Collection[int]], pa.Table]
    go_on: Callable[[], None]


class _Cell(NamedTuple):
    """Rows with the same mask, service and level."""

    mask: str
    service: str | None
    level: str | None
    n: int
    first_us: int
    last_us: int


def mine(asked: Patterns, condition: Condition, rows: Rows, coarse: bool = False) -> Mined:
    """The patterns of all rows that meet the condition. Raises what `rows` raise."""
    found = rows.cells(coarse)
    all_cells = list(map(_Cell._make, zip(*(found[name].to_pylist() for name in found.column_names), strict=True)))
    cells = [cell for cell in all_cells if cell.mask is not None]
    of_mask = templates({cell.mask for cell in cells}, rows.go_on)
    groups: dict[str, list[_Cell]] = {}
    for cell in cells:
        groups.setdefault(of_mask[cell.mask], []).append(cell)
    since = asked.new_since_us
    new = {name: group for name, group in groups.items() if since is None or _first(group) >= since}
    listed = sorted(new, key=lambda name: (-_count(new[name]), name))[: asked.limit]
    total = _count(all_cells)
    patterns = _patterns([(name, new[name]) for name in listed], condition, rows, coarse)
    return Mined(
        total=total,
        patterns=patterns,
        others=len(groups) - len(listed),
        other=total - sum(pattern.count for pattern in patterns),
        unmatched=_count(cell for cell in all_cells if cell.mask is None),
        coarse=coarse,
    )


def _patterns(
    listed: Sequence[tuple[str, Sequence[_Cell]]], condition: Condition, rows: Rows, coarse: bool
) -> list[Pattern]:
    """With a sample each: of its last moment, and of the masks that it has then the first by text."""
    places = [min((-cell.last_us, cell.mask) for cell in group) for _, group in listed]
    samples: dict[tuple[str, int], tuple[str, str | None]] = {}
    if places:
        moments = sorted({-negative for negative, _ in places})
        known = sorted({mask for _, mask in places})
        wanted = msgspec.structs.replace(condition, parameters=[*condition.parameters, *known])
        found = rows.ask(masks.samples(condition.sql, moments, len(known), coarse), wanted, moments)
        columns = (found[name].to_pylist() for name in ("mask", "moment", "log_id", "message"))
        samples = {(mask, moment): (log_id, text) for mask, moment, log_id, text in zip(*columns, strict=True)}
    patterns = []
    for (template, group), (negative, mask) in zip(listed, places, strict=True):
        services, levels = _by(group, "service"), _by(group, "level")
        log_id, message = samples[mask, -negative]
        patterns.append(
            Pattern(
                template=template,
                count=_count(group),
                first_us=_first(group),
                last_us=-negative,
                log_id=log_id,
                message=message,
                services=services[:MOST_SERVICES],
                other_services=sum(n for _, n in services[MOST_SERVICES:]),
                levels=levels,
            )
        )
    return patterns


def _by(group: Iterable[_Cell], name: str) -> list[tuple[str | None, int]]:
    """The most frequent value first, then by value."""
    counts: Counts = Counter()
    for cell in group:
        counts[getattr(cell, name)] += cell.n
    return sorted(counts.items(), key=lambda item: (-item[1], item[0] is None, item[0]))


def _count(cells: Iterable[_Cell]) -> int:
    return sum(cell.n for cell in cells)


def _first(cells: Iterable[_Cell]) -> int:
    return min(cell.first_us for cell in cells)
