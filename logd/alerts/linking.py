"""The link to the search that shows what a rule counted: its query, and what stands beside it, as one query string.

Pure. The string is read back and compared: what can't be said in it is left out, so that a link shows too much rather
than something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from logd.alerts.notify.notification import time_text
from logd.alerts.rules import Condition, Rule
from logd.alerts.trees import group_field
from logd.errors import QueryError
from logd.query.fields import METADATA, TEXT, TRACE_ID
from logd.query.parse import parse
from logd.query.tokens import tokens
from logd.query.tree import Equals, Exists, Node, Not, Or, Wildcard, Words
from logd.query.values import listed
from logd.seams import AlertGroup

_SECOND_US = 1_000_000
#: Of a group's value that was too long, see counting.py.
_CUT = "…"
_CUT_CHARACTERS = 200
#: Browsers and proxies take some 8,000 characters, of which a letter may need nine.
_MOST_CHARACTERS = 4_000


def made_link(public_url: str, rule: Rule, group: AlertGroup | None, at_us: int) -> str:
    """To the records of the window that ended at a time, of a group, or of all of them. Empty without a public URL,
    and where the query is too long for a link."""
    if not public_url:
        return ""
    # What is absent was there before it.
    windows = 2 if rule.condition.aggregation == "absence" else 1
    from_us = at_us - windows * rule.condition.window_seconds * _SECOND_US
    # The window's last record is in it, and a record's time may have been read as milliseconds.
    query = {"q": search_of(rule, group), "from": time_text(from_us), "to": time_text(at_us + _SECOND_US)}
    link = f"{public_url.rstrip('/')}/explore?{urlencode({name: text for name, text in query.items() if text})}"
    return link if len(link) <= _MOST_CHARACTERS else ""


def search_of(rule: Rule, group: AlertGroup | None) -> str:
    """The query, empty for everything. Of a composite it finds what any of the conditions count, of a ratio what it
    counts as its numerator."""
    condition = rule.condition
    parts = list(_parts(condition))
    if condition.aggregation == "composite":
        inner = [_all(list(_parts(part))) for part in condition.conditions]
        if all(inner):
            parts.append(" OR ".join(f"({text})" for text in dict.fromkeys(inner)))
            parts[-1] = parts[-1] if len(set(inner)) == 1 else f"({parts[-1]})"
    if group is not None:
        parts += _grouped(rule, group)
    return _all(parts)


def _parts(condition: Condition) -> Iterator[str]:
    """In the order in which trees.compile_rule has them."""
    yield from _values("service", condition.service)
    yield from _values("host", condition.host)
    if condition.aggregation == "ratio" and condition.of:
        yield _within(condition.of)
    yield from _values("level", condition.level)
    if condition.query.strip():
        yield _within(condition.query)


def _values(field: str, setting: str) -> Iterator[str]:
    values = [_quoted(text) for text in listed([setting])]
    if values:
        yield f"{field}:{values[0]}" if len(values) == 1 else f"{field}:({' OR '.join(values)})"


def _grouped(rule: Rule, group: AlertGroup) -> Iterator[str]:
    # A pattern is no field: what it was made of has other words in its place.
    names = rule.group_names[:-1] if rule.condition.aggregation == "new_pattern" else rule.group_names
    for name, value in zip([group_field(name, text=True) for name in names], group, strict=False):
        field = _name(name)
        if value is None:
            text = f"NOT _exists_:{field}"
        elif len(value) > _CUT_CHARACTERS and value.endswith(_CUT):
            text = f"{field}:{_escaped(value[:_CUT_CHARACTERS])}*"
        else:
            text = f"{field}:{_quoted(value)}"
        if _says(text, wanted(name, value)):
            yield text


def wanted(field: str, value: str | None) -> Node:
    """What a group's value means, as a tree. A trace id may be in the column, or in the metadata; a message has these
    words side by side, at least."""
    places = [TRACE_ID, METADATA + TRACE_ID] if field == TRACE_ID else [field]
    nodes: list[Node] = []
    for place in places:
        if value is None:
            nodes.append(Exists(place))
        elif len(value) > _CUT_CHARACTERS and value.endswith(_CUT):
            nodes.append(Wildcard(place, _pattern(value[:_CUT_CHARACTERS])))
        elif place == TEXT:
            nodes.append(Words(TEXT, value, tuple(tokens(value))))
        else:
            nodes.append(Equals(place, value))
    node = nodes[0] if len(nodes) == 1 else Or(tuple(nodes))
    return Not(node) if value is None else node


def _says(text: str, node: Node) -> bool:
    try:
        return parse(text, "and") == node
    except QueryError:
        return False


def _all(parts: Sequence[str]) -> str:
    return " AND ".join(parts)


def _within(query: str) -> str:
    """In parentheses. A backslash at the end means itself, and would take the meaning from what closes them."""
    backslashes = len(query) - len(query.rstrip("\\"))
    return f"({query}{chr(92) if backslashes % 2 else ''})"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    """Outside of quotes: whatever isn't a letter or a digit has no meaning."""
    return "".join(letter if letter.isalnum() else f"\\{letter}" for letter in text)


def _name(field: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-@" else f"\\{letter}" for letter in field)


def _pattern(prefix: str) -> str:
    return prefix.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?") + "*"
