"""The one tokenizer: what a word is, for the queries, the SQL, the skip index and the tests' naive evaluator.

Every code point is of one kind, and text falls into words by it:

* a **separator** is in no word: blanks, controls, punctuation, symbols, fractions and the like (`½`, `²`, `①`);
* a **single** is a word by itself: Han, Hiragana, emoji;
* **Katakana** in a row are a word;
* everything else in a row is a word: letters, digits, marks, underscores, and whatever Unicode will add.

Words are lower-cased one code point at a time (Unicode's simple mapping, as Java and utf8proc do): `İ` becomes `i`,
`Σ` always `σ`; `ß`, `ς` and accents stay what they are, and nothing is normalised (NFC and NFD are different words).

This is Elasticsearch's `standard` analyzer (UAX #29) with what it keeps hidden taken apart: it would leave
`java.net.SocketTimeoutException`, `error:timeout`, `10.0.3.17`, `1,000` and `it's` whole, and join Katakana to an
underscore and words over soft hyphens, joiners and zero-width blanks. So each of its words is one of ours or several
side by side. Beyond that: all of the blocks Miscellaneous Symbols and Dingbats counts as emoji, and the punctuation of
scripts that are rare in logs (Syriac, Mongolian, Javanese …) counts as letters. That keeps the table small, and with it
the regular expressions made of it: DuckDB takes 0.25 ms to compile one copy, and 4 ms for RE2's own `\\pL\\pM\\pN`.

The table is spelled out, so the meaning of stored text never moves with a version of Python, RE2 or Unicode.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

#: First and last code point.
Range = tuple[int, int]


def _ranges(text: str) -> tuple[Range, ...]:
    pairs = (item.partition("-") for item in text.split())
    return tuple((int(first, 16), int(last or first, 16)) for first, _, last in pairs)


_SEPARATORS = _ranges("""
    0-2F 3A-40 5B-5E 60 7B-A9 AB-B4 B6-B9 BB-BF D7 F7 37E 387 55A-55F 589-58F 5BE 5C0 5C3 5C6 5F3-5F4
    600-60F 61B-61F 66A-66D 6D4 964-965 970 E3F E4F E5A-E5B F0B-F14 104A-104F 1360-1368 17D4-17D6 17D8-17DB
    2000-2070 2074-207E 2080-208E 20A0-2101 2103-2109 2114-2118 211E-2123 2150-215F
    2189-2319 231C-23E8 23FB-25FF 27C0-2B4F 2B56-2BFF 2E00-2E7F 2FE0-3004 3008-3020 302A-3030 3036-3037 303D-3040
    3097-3098 30A0 30FB 3190-319F 31C0-31EF 3200-33FF 4DC0-4DFF E000-F8FF FDFC-FE6F FEFF-FF0F FF1A-FF20 FF3B-FF40
    FF5B-FF65 FFE0-FFFF E0000-10FFFF
""")
_SINGLES = _ranges("""
    231A-231B 23E9-23FA 2600-27BF 2B50-2B55 2E80-2FDF 3005-3007 3021-3029 3038-303C 3041-3096 309D-309F
    3400-4DBF 4E00-9FFF F900-FAFF 1F000-1FAFF 20000-3FFFF
""")
_KATAKANA = _ranges("3031-3035 3099-309C 30A1-30FA 30FC-30FF 31F0-31FF FF66-FF9F")


def _merged(*tables: Sequence[Range]) -> tuple[Range, ...]:
    whole: list[Range] = []
    for first, last in sorted(item for table in tables for item in table):
        if whole and first == whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], last)
        else:
            whole.append((first, last))
    return tuple(whole)


#: In no word.
SEPARATORS = _SEPARATORS
#: A word each.
SINGLES = _SINGLES
#: Katakana, and all that isn't: what ends a word of Katakana.
KATAKANA = _KATAKANA
#: What ends any other word of several code points.
NOT_LETTERS = _merged(_SEPARATORS, _SINGLES, _KATAKANA)


def _class(table: Sequence[Range]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in table)


_WORD = re.compile(f"[{_class(_SINGLES)}]|[{_class(_KATAKANA)}]+|[^{_class(NOT_LETTERS)}]+")
_RUN = re.compile(f"[^{_class(_SEPARATORS)}]+")
_IS_LETTER = re.compile(f"[^{_class(NOT_LETTERS)}]")
_IS_KATAKANA = re.compile(f"[{_class(_KATAKANA)}]")
#: Where `str.lower` isn't the simple mapping: İ would become two code points, and Σ depend on what follows it.
_SIMPLE_LOWER = {0x130: "i", 0x3A3: "σ"}
#: Lower-case code points that something maps to which is neither their upper nor their title case: the signs for
#: kelvin, ångström and ohm, dotted İ, the capitals ẞ and ϴ.
_OTHER_UPPER = {"k": "\u212a", "å": "\u212b", "ω": "\u2126", "i": "\u0130", "ß": "\u1e9e", "θ": "\u03f4"}


def lower(text: str) -> str:
    """The text with each code point lower-cased by itself; as long as it was."""
    return text.lower() if text.isascii() else text.translate(_SIMPLE_LOWER).lower()


def tokens(text: str) -> list[str]:
    """The words of the text, in order, lower-cased."""
    return _WORD.findall(lower(text))


def places(text: str) -> list[tuple[str, int, int]]:
    """The words of the text, in order, lower-cased, each with where it begins and ends."""
    return [(found[0], *found.span()) for found in _WORD.finditer(lower(text))]


def runs(text: str) -> list[tuple[int, int]]:
    """Where what stands between separators begins and ends: words that touch are in one."""
    return [found.span() for found in _RUN.finditer(text)]


def is_letter(char: str) -> bool:
    """It is part of a word that runs on over letters, digits and marks."""
    return _IS_LETTER.match(char) is not None


def is_separator(char: str) -> bool:
    """It is in no word."""
    return _WORD.match(char) is None


def is_katakana(char: str) -> bool:
    """It is part of a word that runs on over Katakana."""
    return _IS_KATAKANA.match(char) is not None


@cache
def spellings(char: str) -> str:
    """All code points that lower-case to this lower-case one, itself first. A word is found by its spellings, so that
    nothing has to lower-case the text that is searched."""
    candidates = dict.fromkeys(
        c for c in (char, char.upper(), char.title(), _OTHER_UPPER.get(char, char)) if len(c) == 1
    )
    return "".join(c for c in candidates if lower(c) == char)
