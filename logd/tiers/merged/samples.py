"""Which fields hits of two tiers have, and the templates of their messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from logd.patterns.mine import MOST_SERVICES
from logd.patterns.templates import templates
from logd.seams import SAMPLE_ROWS, FieldCount, Fields, FoundFields, Mined, Pattern, Patterns
from logd.tiers.merged.tier import Tier, Tiers

#: Of each tier: one that is rare in both may be missing.
_MOST_TEMPLATES = 500


async def fields(tiers: Tiers, asked: Fields) -> FoundFields:
    """Answers it: samples of which each tier has its share. Raises Away and BadRequest."""
    if len(tiers.each) == 1:
        return await tiers.each[0].fields(asked)
    parts = await tiers.all(lambda tier: tier.fields(asked))
    some = [part for part in parts if part.sampled]
    total = sum(part.total for part in parts)
    rate = min([1.0 if total <= SAMPLE_ROWS else SAMPLE_ROWS / total, *(part.sampled / part.total for part in some)])
    counts: dict[str, FieldCount] = {}
    sampled = 0
    for part in some:
        share = rate * part.total / part.sampled
        sampled += max(1, round(part.sampled * share))
        for name, one in part.counts.items():
            known = counts.setdefault(name, FieldCount())
            known.count += max(1, round(one.count * share))
            known.types |= one.types
    return FoundFields(
        total=total,
        sampled=sampled,
        counts=counts,
        missing=tuple(dict.fromkeys(why for part in parts for why in part.missing)),
        tiers=tuple(dict.fromkeys(name for part in parts for name in part.tiers)),
    )


async def patterns(tiers: Tiers, asked: Patterns) -> Mined:
    """Answers it: the templates of both are made into templates once more, as those of the one may be narrower. Counts
    are exact, but for templates that are rare in each, and for services that are rare in a template of each. Raises
    Away and BadRequest."""
    if len(tiers.each) == 1:
        return await tiers.each[0].patterns(asked)

    # What is old in one tier isn't new in the other, so that of each both have to be known.
    questions = _parted(
        msgspec.structs.replace(asked, limit=max(asked.limit, _MOST_TEMPLATES), new_since_us=None), asked
    )

    async def ask(tier: Tier) -> list[Mined]:
        return [await tier.patterns(question) for question in questions]

    parts = [part for some in await tiers.all(ask) for part in some]
    of_template = templates({one.template for part in parts for one in part.patterns}, lambda: None)
    groups: dict[str, list[Pattern]] = {}
    for part in parts:
        for one in part.patterns:
            groups.setdefault(of_template[one.template], []).append(one)
    all_ = [_merged(template, some) for template, some in groups.items()]
    new = [one for one in all_ if asked.new_since_us is None or one.first_us >= asked.new_since_us]
    listed = sorted(new, key=lambda one: (-one.count, one.template))[: asked.limit]
    total, not_looked_at = sum(part.total for part in parts), sum(part.not_looked_at for part in parts)
    return Mined(
        total=total,
        patterns=listed,
        others=len(all_) - len(listed) + sum(part.others for part in parts),
        other=total - not_looked_at - sum(one.count for one in listed),
        unmatched=sum(part.unmatched for part in parts),
        not_looked_at=not_looked_at,
        coarse=any(part.coarse for part in parts),
        missing=tuple(dict.fromkeys(why for part in parts for why in part.missing)),
        tiers=tuple(dict.fromkeys(name for part in parts for name in part.tiers)),
    )


def _parted(wanted: Patterns, asked: Patterns) -> list[Patterns]:
    """The times before `new_since_us`, and those from it on."""
    since = asked.new_since_us
    if since is None:
        return [wanted]
    old_to = since if asked.to_us is None else min(since, asked.to_us)
    new_from = since if asked.from_us is None else max(since, asked.from_us)
    parts = [msgspec.structs.replace(wanted, to_us=old_to), msgspec.structs.replace(wanted, from_us=new_from)]
    some = [one for one in parts if one.from_us is None or one.to_us is None or one.from_us < one.to_us]
    return some or [wanted]


def _merged(template: str, some: Sequence[Pattern]) -> Pattern:
    last = max(some, key=lambda one: one.last_us)
    services, levels = _by_value([one.services for one in some]), _by_value([one.levels for one in some])
    return Pattern(
        template=template,
        count=sum(one.count for one in some),
        first_us=min(one.first_us for one in some),
        last_us=last.last_us,
        log_id=last.log_id,
        message=last.message,
        services=services[:MOST_SERVICES],
        other_services=sum(one.other_services for one in some) + sum(n for _, n in services[MOST_SERVICES:]),
        levels=levels,
    )


def _by_value(parts: Sequence[Sequence[tuple[str | None, int]]]) -> list[tuple[str | None, int]]:
    """The most frequent value first, then by value."""
    counts: Counter[str | None] = Counter()
    for part in parts:
        counts.update(dict(part))
    return sorted(counts.items(), key=lambda one: (-one[1], one[0] is None, one[0]))
