"""The most frequent values of two tiers, of each of which only the most frequent are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

K = TypeVar("K")
#: How many are asked for, until the top ones are known: many times as many as are shown, then what the API shows at
#: most, then what Elasticsearch knows exactly.
STEPS = (100, 1_000, 10_000)
#: More than anybody counts to.
_MANY = 2**62


class Known(NamedTuple, Generic[K]):
    """Of a tier: its most frequent ones, or all that it has if `whole`."""

    counts: Mapping[K, int]
    whole: bool

    @property
    def rest(self) -> int:
        """What one that isn't there has at most."""
        return 0 if self.whole else min(self.counts.values(), default=_MANY)


class Most(NamedTuple, Generic[K]):
    """The top ones, with their counts in all tiers; `sure` if no other is among them, and the counts are whole."""

    counts: Mapping[K, int]
    sure: bool


def most(tiers: Sequence[Known[K]], top: int, order: Callable[[K], Any]) -> Most[K]:
    """The `top` ones of all tiers, among those with as many by `order`."""
    counts: Counter[K] = Counter()
    for tier in tiers:
        counts.update(tier.counts)
    ranked = sorted(counts, key=lambda one: (-counts[one], order(one)))
    shown, others = ranked[:top], ranked[top:]

    def unknown(one: K) -> int:
        return sum(tier.rest for tier in tiers if one not in tier.counts)

    unseen = sum(tier.rest for tier in tiers)
    least = counts[shown[-1]] if len(shown) == top else 0
    sure = (
        not any(map(unknown, shown))
        and (unseen == 0 or unseen < least)
        and all(more == 0 or counts[one] + more < least for one, more in ((one, unknown(one)) for one in others))
    )
    return Most({one: counts[one] for one in shown}, sure)
