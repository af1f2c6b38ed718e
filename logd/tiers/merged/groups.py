"""Figures of the groups of two tiers. Which groups are the top ones is known once each tier has said all that may be
among them; then their figures, and those by time, are asked for by their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from logd.errors import BadRequest
from logd.query.fields import METADATA
from logd.seams import MAX_CELLS, Aggregate, Cell, Function, Group, Groups, Stats
from logd.store.groups import too_many_cells
from logd.tiers.merged import counts, figures
from logd.tiers.merged.figures import Part
from logd.tiers.merged.ranks import STEPS, Known, most
from logd.tiers.merged.tier import Tier, Tiers

Values = tuple[str | None, ...]
#: The different values of each field that are to be counted, by tier and group; None where they are too many.
Distinct = Mapping[str, Sequence[Mapping[Values, frozenset[str]]] | None]
#: Of values that are looked at to tell how many different ones there are: Elasticsearch gives no more.
_MOST_VALUES = 50_000
#: That come with those that are asked for.
_MORE_GROUPS = 20


class _Ranked(NamedTuple):
    """The top groups, what each tier has of them, and the sums of all. `of_tier` has figures if `with_figures`."""

    values: Sequence[Values]
    of_tier: Sequence[Mapping[Values, Group]]
    sums: Groups
    with_figures: bool


async def stats(tiers: Tiers, asked: Stats) -> Groups:
    """Answers it. Raises Away and BadRequest."""
    if len(tiers.each) == 1:
        return await tiers.each[0].stats(asked)
    needs = figures.needed(asked.aggregates)
    interval_us = 0
    if asked.by_time:
        interval_us = asked.interval_us or await counts.interval_of(tiers, asked)
    wide = msgspec.structs.replace(asked, aggregates=needs, interval_us=interval_us or None, order=None)
    distinct: Distinct = {}
    if not asked.by:
        parts = await tiers.all(lambda tier: tier.stats(wide))
        of_tier: Sequence[Mapping[Values, Group]] = [{group.values: group for group in part.groups} for part in parts]
        ranked = _Ranked([()], of_tier, _sums(parts), True)
    else:
        if asked.order is not None and asked.aggregates[asked.order].function is Function.DISTINCT:
            distinct = await _distinct(tiers, asked, None)
        ranked = await _ranked(tiers, asked, wide, distinct)
        if asked.by_time or not ranked.with_figures:
            ranked = await _with_figures(tiers, ranked, wide)
    if not distinct:
        distinct = await _distinct(tiers, asked, ranked.values)
    groups, estimated = _merged(asked, needs, ranked, distinct)
    cells = sum(len(group.cells) for group in groups)
    if cells > MAX_CELLS:
        raise too_many_cells(interval_us)
    other = ranked.sums.other - sum(group.count for group in groups) if asked.by else 0
    engine = {one for place in ranked.sums.estimated for one in _from(asked, needs[place])}
    if not asked.by_time:
        counted = {field for field, each in distinct.items() if each is not None}
        engine -= {
            place
            for place, one in enumerate(asked.aggregates)
            if one.function is Function.DISTINCT and one.field in counted
        }
    return msgspec.structs.replace(
        ranked.sums, groups=groups, other=other, interval_us=interval_us, estimated=sorted({*engine, *estimated})
    )


def _from(asked: Stats, need: Aggregate) -> list[int]:
    """The places of what is asked that are made of it."""
    return [place for place, one in enumerate(asked.aggregates) if need in figures.needed([one])]


def _sums(parts: Sequence[Groups]) -> Groups:
    """Of all groups, which are all in `other`."""
    return Groups(
        total=sum(part.total for part in parts),
        groups=[],
        other=sum(part.other + sum(group.count for group in part.groups) for part in parts),
        without=sum(part.without for part in parts),
        estimated=sorted({place for part in parts for place in part.estimated}),
        estimated_groups=any(part.estimated_groups for part in parts),
        missing=tuple(dict.fromkeys(why for part in parts for why in part.missing)),
        tiers=tuple(dict.fromkeys(name for part in parts for name in part.tiers)),
    )


async def _ranked(tiers: Tiers, asked: Stats, wide: Stats, distinct: Distinct) -> _Ranked:
    """The top groups of all tiers, without times."""
    ordered = None if asked.order is None else asked.aggregates[asked.order]
    for step, size in enumerate(STEPS):
        with_figures = ordered is not None or step == 0
        place = None if ordered is None else wide.aggregates.index(ordered)
        wanted = msgspec.structs.replace(
            wide,
            aggregates=wide.aggregates if with_figures else (),
            by_time=False,
            interval_us=None,
            order=place,
            top=max(size, asked.top),
        )
        parts = await tiers.all(lambda tier, wanted=wanted: tier.stats(wanted))  # type: ignore[misc]
        of_tier = [{group.values: group for group in part.groups} for part in parts]
        whole = [not part.other and not part.estimated_groups for part in parts]
        if ordered is None:
            known = [
                Known({values: group.count for values, group in groups.items()}, all_)
                for groups, all_ in zip(of_tier, whole, strict=True)
            ]
            top = most(known, asked.top, _by_values)
            chosen, sure = list(top.counts), top.sure
        else:
            chosen, sure = _by_figure(asked, wanted.aggregates, of_tier, distinct), all(whole)
        if sure:
            break
    sums = _sums(parts)
    return _Ranked(
        chosen, of_tier, msgspec.structs.replace(sums, estimated_groups=sums.estimated_groups or not sure), with_figures
    )


def _by_values(values: Values) -> Any:
    return [counts.order(value) for value in values]


def _by_figure(
    asked: Stats, needs: Sequence[Aggregate], of_tier: Sequence[Mapping[Values, Group]], distinct: Distinct
) -> list[Values]:
    assert asked.order is not None
    ordered = asked.aggregates[asked.order]

    def order(values: Values) -> Any:
        parts = [_part_of(groups[values], needs, at, distinct) for at, groups in enumerate(of_tier) if values in groups]
        value = figures.figure(ordered, parts).value
        return value is None, -(value or 0), _by_values(values)

    return sorted({values for groups in of_tier for values in groups}, key=order)[: asked.top]


def _part_of(group: Group, needs: Sequence[Aggregate], at: int, distinct: Distinct) -> Part:
    """What the tier with the number `at` has of a group."""
    known = {field: each[at].get(group.values, frozenset()) for field, each in distinct.items() if each is not None}
    return msgspec.structs.replace(figures.part_of(group, needs), distinct=known)


async def _with_figures(tiers: Tiers, ranked: _Ranked, wide: Stats) -> _Ranked:
    """Each tier's groups with all figures, also by time; they are asked for by their values."""
    wanted = {
        tier: [values for values in ranked.values if values in groups]
        for tier, groups in zip(tiers.each, ranked.of_tier, strict=True)
    }

    async def ask(tier: Tier) -> Groups:
        if not wanted[tier]:
            return Groups(total=0, groups=[])
        query = counts.only(wide.query, wide.by, wanted[tier])
        # A record may be in others too, where a field has several values.
        several = any(field == "tags" or field.startswith(METADATA) for field in wide.by)
        top = len(wanted[tier]) * (1 + several) + several * _MORE_GROUPS
        return await tier.stats(msgspec.structs.replace(wide, query=query, top=top))

    parts = await tiers.all(ask)
    of_tier = [{group.values: group for group in part.groups} for part in parts]
    known = [
        {
            values: one.get(values, msgspec.structs.replace(group, figures=(), cells=()))
            for values, group in all_.items()
        }
        for one, all_ in zip(of_tier, ranked.of_tier, strict=True)
    ]
    estimated = sorted({place for part in parts for place in part.estimated})
    missing = tuple(dict.fromkeys((*ranked.sums.missing, *(why for part in parts for why in part.missing))))
    return ranked._replace(
        of_tier=known, sums=msgspec.structs.replace(ranked.sums, estimated=estimated, missing=missing)
    )


async def _distinct(tiers: Tiers, asked: Stats, groups: Sequence[Values] | None) -> Distinct:
    """Of these groups, or of all."""
    found: dict[str, Sequence[Mapping[Values, frozenset[str]]] | None] = {}
    fields = dict.fromkeys(one.field for one in asked.aggregates if one.function is Function.DISTINCT)
    query = counts.only(asked.query, asked.by, groups) if groups and asked.by else asked.query
    for field in fields:
        by = (*asked.by, field)
        wanted = Stats(query=query, from_us=asked.from_us, to_us=asked.to_us, by=by, top=_MOST_VALUES)
        try:
            parts = await tiers.all(lambda tier, wanted=wanted: tier.stats(wanted))  # type: ignore[misc]
        except BadRequest:  # they are more than an engine tells apart
            found[field] = None
        else:
            whole = not any(part.other or part.estimated_groups for part in parts)
            found[field] = [_values_of(part) for part in parts] if whole else None
    return found


def _values_of(part: Groups) -> Mapping[Values, frozenset[str]]:
    found: dict[Values, set[str]] = {}
    for group in part.groups:
        *values, value = group.values
        if value is not None:
            found.setdefault(tuple(values), set()).add(value)
    return {values: frozenset(some) for values, some in found.items()}


def _merged(
    asked: Stats, needs: Sequence[Aggregate], ranked: _Ranked, distinct: Distinct
) -> tuple[list[Group], set[int]]:
    """The groups, and the places of what is estimated in any."""
    estimated: set[int] = set()

    def all_of(parts: Sequence[Part]) -> list[float | None]:
        found = [figures.figure(one, parts) for one in asked.aggregates]
        estimated.update(place for place, one in enumerate(found) if not one.exact)
        return [one.value for one in found]

    groups = []
    for values in ranked.values:
        parts: list[Part] = []
        cells: dict[int, list[Part]] = {}
        count = 0
        for at, of_tier in enumerate(ranked.of_tier):
            if (group := of_tier.get(values)) is None:
                continue
            count += group.count
            if not group.figures and needs:
                estimated.update(range(len(asked.aggregates)))
                continue
            parts.append(_part_of(group, needs, at, distinct))
            for cell in group.cells:
                cells.setdefault(cell.start_us, []).append(figures.part_of(cell, needs))
        by_time = [Cell(start, sum(part.count for part in some), all_of(some)) for start, some in sorted(cells.items())]
        groups.append(Group(values, count, all_of(parts), by_time))
    return groups, estimated
