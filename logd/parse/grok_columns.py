"""Grok patterns of lines with columns."""

from __future__ import annotations


def columns(separator: str, *columns: str) -> str:
    """The pattern of columns with a separator between: `field:PATTERN` or `field:PATTERN:type`, each maybe with `?` for
    one that is `-` when there is nothing to say."""
    return separator.join(
        f"(?:-|{_reference(column[:-1])})" if column.endswith("?") else _reference(column) for column in columns
    )


def _reference(column: str) -> str:
    """What doesn't begin with a field's name is an expression already."""
    if not column[0].islower():
        return column
    field, pattern, *kind = column.split(":")
    return f"%{{{':'.join([pattern, field, *kind])}}}"
