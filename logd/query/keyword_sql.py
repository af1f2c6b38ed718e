"""SQL for the columns that are searched by their value, and for the times.

A level in a query may have any spelling. Ingest keeps a level that it doesn't know in the metadata, so what asks for
others looks there too.
"""

from __future__ import annotations

from collections.abc import Sequence

from logd.levels import LEVELS, level_of
from logd.query import fuzzy, metadata, regex, wildcard
from logd.query.fields import KEYWORDS, TIMES
from logd.query.tree import Equals, Exists, Fuzzy, Node, Range, Regex, Wildcard

Parameters = list[str | float]
_LEVEL = ("level",)


def equals(node: Equals, parameters: Parameters) -> str:
    """The condition that the column has the value; its parameters are added to `parameters`, here and below."""
    _check(node.field)
    value = node.value
    if node.field == "level":
        level = level_of(value)
        if level is None:
            return metadata.has_value(_LEVEL, value, parameters)
        value = level
    parameters.append(value)
    return "list_contains(tags, ?)" if node.field == "tags" else f"{node.field} = ?"


def exactly(node: Node) -> tuple[str, str] | None:
    """The column, of one value, and the value, where that is all that the node asks for."""
    if not isinstance(node, Equals) or node.field not in KEYWORDS or node.field == "tags":
        return None
    value = level_of(node.value) if node.field == "level" else node.value
    return None if value is None else (node.field, value)


def one_of(field: str, values: Sequence[str], parameters: Parameters) -> str:
    """… that a column of one value has one of these."""
    distinct = list(dict.fromkeys(values))
    parameters += distinct
    return f"{field} = ?" if len(distinct) == 1 else f"{field} IN ({', '.join('?' * len(distinct))})"


def wildcards(node: Wildcard, parameters: Parameters) -> str:
    """… that the pattern matches the value."""
    found = wildcard.of_value(node.pattern)
    levels = wildcard.of_value(node.pattern.upper()).pattern
    return _compared(node.field, "regexp_full_match({}, ?)", found.pattern, levels, found.literals, parameters)


def regexes(node: Regex, parameters: Parameters) -> str:
    """… that the expression matches the whole value."""
    found = regex.rewritten(node.pattern)
    levels = regex.rewritten(f"(?i){node.pattern}").pattern
    return _compared(node.field, "regexp_full_match({}, ?)", found.pattern, levels, found.literals, parameters)


def nearly(node: Fuzzy, parameters: Parameters) -> str:
    """… that the value is as near."""
    near = fuzzy.near("{}", node.word, node.edits)
    return _compared(node.field, near, node.word, node.word.upper(), (), parameters)


def in_range(node: Range, parameters: Parameters) -> str:
    """… that the value is in the range."""
    if node.field in TIMES:
        return _in_times(node)
    _check(node.field)
    if node.field == "level":
        found = levels_in(node)
        return f"level IN ({', '.join(repr(level) for level in found)})" if found else "false"
    limits = [(f"{{}} {operator} ?", str(bound)) for operator, bound in _limits(node)]
    condition = " AND ".join(limit for limit, _ in limits)
    parameters += [bound for _, bound in limits]
    return _of_column(node.field, f"({condition})")


def exists(node: Exists, parameters: Parameters) -> str:
    """… that there is a value."""
    if node.field == "level":
        return f"(level IS NOT NULL OR {metadata.exists(_LEVEL, parameters)})"
    return "len(tags) > 0" if node.field == "tags" else f"{node.field} IS NOT NULL"


def levels_in(node: Range) -> list[str]:
    """The levels in a range, which goes by severity."""
    found = list(LEVELS)
    if node.low is not None:
        found = found[_place(node.low) + (not node.low_included) :]
    if node.high is not None:
        found = [one for one in found if LEVELS.index(one) < _place(node.high) + node.high_included]
    return found


def _place(level: str | int) -> int:
    known = level_of(str(level))
    if known is None:
        raise ValueError(f"no level: {level}")
    return LEVELS.index(known)


def _limits(node: Range) -> list[tuple[str, str | int]]:
    limits: list[tuple[str, str | int]] = []
    if node.low is not None:
        limits.append((">=" if node.low_included else ">", node.low))
    if node.high is not None:
        limits.append(("<=" if node.high_included else "<", node.high))
    return limits


def _in_times(node: Range) -> str:
    """The bounds are numbers, so they may stand in the SQL, where DuckDB sees what they rule out."""
    limits = [f"{node.field} {operator} make_timestamptz({int(bound)})" for operator, bound in _limits(node)]
    return f"({' AND '.join(limits)})"


def _compared(
    field: str, condition: str, argument: str, of_levels: str, literals: tuple[str, ...], parameters: Parameters
) -> str:
    """The condition, which names the value `{}`, of a column. `of_levels` is what levels are compared with."""
    _check(field)
    if field != "level":
        parameters.append(argument)
        return _of_column(field, condition)
    parameters.append(of_levels)
    known = _of_column(field, condition)
    others = metadata.has_text(_LEVEL, condition, [argument], literals, parameters)
    return f"({known} OR {others})"


def _of_column(field: str, condition: str) -> str:
    if field == "tags":
        return f"len(list_filter(tags, lambda tag: {condition.replace('{}', 'tag')})) > 0"
    return condition.replace("{}", field)


def _check(field: str) -> None:
    if field not in KEYWORDS:
        raise ValueError(f"no keyword field: {field}")
