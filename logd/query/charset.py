"""Sets of code points as sorted ranges that don't touch, and how RE2 writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from logd.query.tokens import Range, lower, spellings

LAST = 0x10FFFF
#: Of larger ranges beyond ASCII only what stands in them matches, without other spellings: every letter with case in
#: the smaller ones that people write (`[а-я]`, `[α-ω]`) has its own.
_SPELLED_RANGE = 512


def union(*tables: Iterable[Range]) -> tuple[Range, ...]:
    """What is in one of them; the ranges of a table may overlap and need no order."""
    whole: list[Range] = []
    for first, last in sorted(item for table in tables for item in table):
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(whole[-1][1], last))
        else:
            whole.append((first, last))
    return tuple(whole)


def complement(table: Iterable[Range]) -> tuple[Range, ...]:
    """All other code points."""
    gaps, begin = [], 0
    for first, last in union(table):
        if begin < first:
            gaps.append((begin, first - 1))
        begin = last + 1
    return (*gaps, (begin, LAST)) if begin <= LAST else tuple(gaps)


def without(table: Iterable[Range], others: Iterable[Range]) -> tuple[Range, ...]:
    """What is in the first and not in the second."""
    return complement(union(complement(table), others))


def spelled(table: Iterable[Range]) -> tuple[Range, ...]:
    """What is lower-cased to one of the set's code points, which are lower-cased first."""
    found: list[Range] = []
    for first, last in table:
        if first >= 0x80 and last - first > _SPELLED_RANGE:
            found.append((first, last))
            continue
        if last >= 0x80 and last - max(first, 0x80) > _SPELLED_RANGE:
            found.append((0x80, last))
            last = 0x7F
        chars = {lower(chr(code)) for code in range(first, last + 1) if not 0xD800 <= code < 0xE000}
        found += [(ord(one), ord(one)) for char in chars for one in spellings(char)]
    return union(found)


def inside(table: Sequence[Range]) -> str:
    """The set as it stands between RE2's brackets."""
    return "".join(
        f"\\x{{{first:x}}}-\\x{{{last:x}}}" if first < last else f"\\x{{{first:x}}}" for first, last in table
    )
