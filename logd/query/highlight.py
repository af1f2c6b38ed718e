"""Where a query's terms are in the values of hits: the same for every engine, as it comes from the tree alone.

Ranges are of characters (Unicode code points), `[start, end)`, rising, and don't overlap. What stands in one satisfies
its term, taken as a text of its own: a word, a phrase from its first word to its last, what is between two separators
for a pattern, a stretch for `message.raw`, and of other fields the whole value. What a NOT asks for isn't shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from logd.levels import level_of
from logd.query import fuzzy, regex, wildcard
from logd.query.fields import METADATA, RAW_TEXT, TEXT, path_of
from logd.query.tokens import is_separator, places, runs
from logd.query.tree import And, Equals, Fuzzy, Node, Or, Regex, Wildcard, Words

Span = tuple[int, int]
#: Of a hit, by the name of the field; an element of an array by its number.
Highlights = dict[str, list[Span]]
Leaf = Words | Equals | Wildcard | Regex | Fuzzy
#: Of a longer text the rest isn't looked at, and of one with more ranges the others aren't shown.
MOST_CHARACTERS, MOST_SPANS = 100_000, 1_000
#: Of the messages of all hits, each counted once a term: Python takes some 1.5 s for so many, and nothing stops it.
MOST_TOGETHER = 10_000_000
#: As slop.py looks at a text.
_SLOP_WORDS = 1_000


class Matcher(NamedTuple):
    """RE2: for each text whether the pattern is in it, and where it is, from left to right, up to MOST_SPANS."""

    has: Callable[[str, Sequence[str]], Sequence[bool]]
    spans: Callable[[str, Sequence[str]], Sequence[Sequence[Span]]]


def highlights(query: Node, hits: Sequence[Mapping[str, Any]], matcher: Matcher) -> list[Highlights]:
    """For each hit. A hit has the members that its answer has, `metadata` as an object; what is absent has none. Beyond
    MOST_TOGETHER no message is looked at: the last of many hits with long ones show nothing there."""
    found: list[dict[str, list[Span]]] = [defaultdict(list) for _ in hits]
    leaves = list(dict.fromkeys(_leaves(query)))
    messages = _messages(hits, sum(map(_is_of_message, leaves)))
    for leaf in leaves:
        if _is_of_message(leaf):
            for of_hit, spans in zip(found, in_texts(leaf, messages, matcher), strict=True):
                of_hit[TEXT] += spans
            continue
        values = [(number, name, text) for number, hit in enumerate(hits) for name, text in _values(leaf.field, hit)]
        texts = list(dict.fromkeys(text for _, _, text in values if text))
        whole = {text for text, holds in zip(texts, _hold(leaf, texts, matcher), strict=True) if holds}
        for number, name, text in values:
            if text in whole:
                found[number][name].append((0, len(text)))
    return [{name: _apart(spans) for name, spans in one.items() if spans} for one in found]


def in_texts(leaf: Leaf, texts: Sequence[str], matcher: Matcher) -> list[list[Span]]:
    """Where a term of the message is, in each of some messages; ranges may overlap."""
    match leaf:
        case Words(_, _, words, slop):
            return [list(_near(words, slop, text) if slop else _phrases(words, text)) for text in texts]
        case Wildcard(_, pattern):
            parts = wildcard.pieces(pattern)
            found = wildcard.of_text(pattern)
            return _stretches(found.pattern, len(parts), texts, matcher) if found else [[] for _ in texts]
        case Regex(field, pattern) if field == RAW_TEXT:
            return [list(spans) for spans in matcher.spans(regex.rewritten(pattern).pattern, texts)]
        case Regex(_, pattern):
            alone = regex.rewritten(pattern, words=True, alone=True).pattern
            return _stretches(rf"\A{alone}\z", 1, texts, matcher)
        case Fuzzy():
            words_of = [places(text) for text in texts]
            distinct = list(dict.fromkeys(word for words in words_of for word, _, _ in words))
            near = {word for word, holds in zip(distinct, _are_near(leaf, distinct, matcher), strict=True) if holds}
            return [[(start, end) for word, start, end in words if word in near] for words in words_of]
        case _:
            return [[] for _ in texts]


def _leaves(node: Node) -> Iterator[Leaf]:
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from _leaves(child)
        case Words() | Equals() | Wildcard() | Regex() | Fuzzy():
            yield node


def _is_of_message(leaf: Leaf) -> bool:
    return isinstance(leaf, Words) or leaf.field in (TEXT, RAW_TEXT)


def _messages(hits: Sequence[Mapping[str, Any]], terms: int) -> list[str]:
    """What of each message is looked at for so many terms."""
    messages: list[str] = []
    left = MOST_TOGETHER
    for hit in hits:
        text = _readable(hit.get(TEXT))
        left -= len(text) * terms
        messages.append(text if left >= 0 else "")
    return messages


def _readable(text: Any) -> str:
    """What of a value is looked at, up to a separator."""
    if not isinstance(text, str):
        return ""
    if len(text) <= MOST_CHARACTERS:
        return text
    end = MOST_CHARACTERS
    while end and not is_separator(text[end - 1]):
        end -= 1
    return text[:end]


def _phrases(words: Sequence[str], text: str) -> Iterator[Span]:
    of_text = places(text)
    for at in range(len(of_text) - len(words) + 1 if words else 0):
        if all(of_text[at + number][0] == word for number, word in enumerate(words)):
            yield of_text[at][1], of_text[at + len(words) - 1][2]


def _near(words: Sequence[str], slop: int, text: str) -> Iterator[Span]:
    """The first words that are as near, from each place at which they can begin."""
    of_text = places(text)[:_SLOP_WORDS]
    where: dict[str, list[int]] = defaultdict(list)
    for at, (word, _, _) in enumerate(of_text):
        where[word].append(at)
    starts = sorted({at - number for number, word in enumerate(words) for at in where.get(word, ())})
    for start in starts:
        chosen: list[int] = []
        taken: dict[str, int] = {}
        for number, word in enumerate(words):
            window = range(max(start + number, taken.get(word, -1) + 1), start + number + slop + 1)
            if (place := next((at for at in where.get(word, ()) if at in window), None)) is None:
                break
            taken[word] = place
            chosen.append(place)
        else:
            yield of_text[min(chosen)][1], of_text[max(chosen)][2]


def _stretches(pattern: str, count: int, texts: Sequence[str], matcher: Matcher) -> list[list[Span]]:
    """Where so many runs side by side have the pattern."""
    spans_of: list[list[Span]] = []
    for text in texts:
        found = runs(text)
        spans_of.append([(found[at][0], found[at + count - 1][1]) for at in range(len(found) - count + 1)])
    distinct = list(
        dict.fromkeys(text[start:end] for text, spans in zip(texts, spans_of, strict=True) for start, end in spans)
    )
    having = {text for text, holds in zip(distinct, matcher.has(pattern, distinct), strict=True) if holds}
    return [
        [(start, end) for start, end in spans if text[start:end] in having]
        for text, spans in zip(texts, spans_of, strict=True)
    ]


def _are_near(node: Fuzzy, texts: Sequence[str], matcher: Matcher) -> list[bool]:
    """Of words of a message."""
    first = fuzzy.first(node.word, node.edits)
    may = matcher.has(first.pattern, texts)
    return [
        passes and ((first.exact and text.isascii()) or fuzzy.is_near(text, node.word, node.edits))
        for text, passes in zip(texts, may, strict=True)
    ]


def _hold(leaf: Leaf, values: Sequence[str], matcher: Matcher) -> Sequence[bool]:
    """Which values of a field, as a whole, are what is asked for. A level may be asked for in any spelling."""
    of_level = leaf.field == "level"
    match leaf:
        case Equals(_, value):
            wanted = level_of(value) if of_level else value
            return [text == wanted for text in values]
        case Wildcard(_, pattern):
            return matcher.has(rf"\A{wildcard.of_value(pattern.upper() if of_level else pattern).pattern}\z", values)
        case Regex(_, pattern):
            return matcher.has(rf"\A{regex.rewritten(f'(?i){pattern}' if of_level else pattern).pattern}\z", values)
        case Fuzzy(_, word, edits):
            return [fuzzy.is_near(text, word.upper() if of_level else word, edits) for text in values]
        case _:
            return [False] * len(values)


def _values(field: str, hit: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts in a field, by name."""
    in_metadata = field.startswith(METADATA)
    for value in list(_at(hit.get("metadata"), path_of(field)))[:1] if in_metadata else [hit.get(field)]:
        elements = [(f"{field}.{number}", one) for number, one in enumerate(value)] if isinstance(value, list) else []
        for name, one in elements or [(field, value)]:
            if isinstance(one, str) and len(one) <= MOST_CHARACTERS:
                yield name, one


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What lies at the path, its parts nested or joined by dots."""
    if not path:
        yield value
    elif isinstance(value, dict):
        for taken in range(1, len(path) + 1):
            if (key := ".".join(path[:taken])) in value:
                yield from _at(value[key], path[taken:])


def _apart(spans: Iterable[Span]) -> list[Span]:
    """Those that overlap as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found[:MOST_SPANS]
