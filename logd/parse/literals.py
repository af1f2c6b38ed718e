"""What people have written, in SQL."""

from __future__ import annotations


def literal(text: str) -> str:
    """The text in SQL. A NUL would end the statement."""
    pieces = ["'" + piece.replace("'", "''") + "'" for piece in text.split("\0")]
    return pieces[0] if len(pieces) == 1 else f"({' || chr(0) || '.join(pieces)})"


def path(*keys: str) -> str:
    """SQL: the path of a member in JSON objects in one another. DuckDB knows two escapes in a key: of the quote, and of
    the backslash."""
    escaped = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
    return literal("$" + "".join(f'."{key}"' for key in escaped))
