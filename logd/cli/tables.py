"""Tables for terminals."""

from __future__ import annotations

from collections.abc import Sequence

from logd.cli.hits import width

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def table(rows: Sequence[Sequence[object]], right: str = "") -> str:
    """The rows below one another, the first of them being the head. Columns whose head is among the words of `right`
    are numbers."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*texts, strict=True)]
    numbers = set(right.split(","))
    to_the_right = [head in numbers for head in texts[0]]
    lines = []
    for row in texts:
        padded = [
            " " * (most - width(cell)) + cell if to_right else cell + " " * (most - width(cell))
            for cell, most, to_right in zip(row, widths, to_the_right, strict=True)
        ]
        lines.append("  ".join(padded))
    return "\n".join(line.rstrip() for line in lines)


def size(count: float) -> str:
    """`1.5 GB`: bytes for people."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """`1 h 5 min`: a time span for people."""
    whole = max(0, round(seconds))
    for unit, length, next_unit, next_length in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= length:
            return f"{whole // length} {unit} {whole % length // next_length} {next_unit}"
    return f"{whole} s"
