"""Masks into templates: those that are alike in most words are one, with <*> for the words in which they differ.

It is the Drain algorithm (He et al. 2017), as the package drain3 has it. Each different mask goes through it once, in
the order of the texts, so that what comes out doesn't depend on how lines came or where they lie. Drain never compares
masks whose first two words aren't the same; what has one template but for one of these two, with many different words
in its place, as names are, is one template here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from logd.patterns.masks import MASK

#: The values of Drain's authors for all their systems but the depth, of which they have one less: masks are compared
#: when they have as many words, of which the first two are the same.
_DEPTH, _SIMILARITY, _CHILDREN = 5, 0.4, 100
_FIRST_WORDS = _DEPTH - 3
#: A mask is compared with no more than so many templates: those used last, which in the order of the texts begin alike.
#: Random words would have each compared with all before it (1 ms at 5,000).
_CLUSTERS = 300
#: More different words in one place are values. Verbs, which aren't, are fewer with all else equal.
_MOST_WORDS = 20
#: Between two looks whether to go on: some milliseconds.
_PORTION = 50


def templates(masks: Iterable[str], go_on: Callable[[], None]) -> Mapping[str, str]:
    """The template of each of the masks, which are all different. `go_on` is called now and then, and may raise."""
    # Takes 50 ms, which only who asks for patterns has to wait for.
    from drain3.drain import Drain

    drain = Drain(depth=_DEPTH, sim_th=_SIMILARITY, max_children=_CHILDREN, max_clusters=_CLUSTERS, param_str=MASK)
    clusters = {}
    for number, mask in enumerate(sorted(masks)):
        if number % _PORTION == 0:
            go_on()
        clusters[mask] = drain.add_log_message(mask)[0]
    found = {mask: cluster.get_template() for mask, cluster in clusters.items()}
    wider = _wider(set(found.values()))
    return {mask: wider.get(template, template) for mask, template in found.items()}


def _wider(found: Collection[str]) -> Mapping[str, str]:
    """For templates of which there are many that differ in nothing but one of their first words: the one for all."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for template in sorted(found):
        words = tuple(template.split(" "))
        if len(words) > _FIRST_WORDS:
            for place in range(_FIRST_WORDS):
                alike.setdefault((*words[:place], MASK, *words[place + 1 :]), []).append(template)
    wider: dict[str, str] = {}
    for words, group in alike.items():
        if len(group) > _MOST_WORDS:
            for template in group:
                wider.setdefault(template, " ".join(words))
    return wider
