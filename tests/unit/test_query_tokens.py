"""The tokenizer: by table, and over all of Unicode."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

import pytest

from logd.query.tokens import is_katakana, is_letter, lower, spellings, tokens

#: Every code point with a meaning: the unassigned ones are all letters to the tokenizer.
_ALL = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
_LOWER = [(char, lower(char)) for char in _ALL]
_IN_WORDS = {"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl"}
_IN_NO_WORD = {"Cc", "Cf", "Zs", "Zl", "Zp", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "No"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("--- ... \x00\n", []),
        ("Connection timeout", ["connection", "timeout"]),
        ("java.net.SocketTimeoutException", ["java", "net", "sockettimeoutexception"]),
        ("error:timeout", ["error", "timeout"]),
        ("10.0.3.17", ["10", "0", "3", "17"]),
        ("it's 1,000 m²", ["it", "s", "1", "000", "m"]),
        ("foo_bar __init__ _", ["foo_bar", "__init__", "_"]),
        ("status=200&x=y+z", ["status", "200", "x", "y", "z"]),
        ("123e4567-e89b", ["123e4567", "e89b"]),
        ("a\x00b\tc\u00a0d\u3000e\ufefff", ["a", "b", "c", "d", "e", "f"]),
        # Case, one code point at a time.
        ("İstanbul ISTANBUL ıI", ["istanbul", "istanbul", "ıi"]),
        ("STRASSE Straße ẞ", ["strasse", "straße", "ß"]),
        ("ΟΔΟΣ οδος", ["οδοσ", "οδος"]),
        ("300 K \u212a \u2126 \u212b", ["300", "k", "k", "ω", "å"]),
        # Marks belong to their word; normal forms stay apart.
        ("cafe\u0301 CAFÉ", ["cafe\u0301", "café"]),
        ("हिन्दी। พร้อม Жёлтый", ["हिन्दी", "พร้อม", "жёлтый"]),
        # Scripts without blanks.
        ("日本語 ログ", ["日", "本", "語", "ログ"]),
        ("エラーが発生 DBエラー2件", ["エラー", "が", "発", "生", "db", "エラー", "2", "件"]),
        ("한국어 오류", ["한국어", "오류"]),
        # Emoji are words; what joins or varies them is not.
        ("deploy🚀🚀 done✅", ["deploy", "🚀", "🚀", "done", "✅"]),
        ("❤\ufe0f👩\u200d💻1\ufe0f\u20e3", ["❤", "👩", "💻", "1"]),
        ("🇩🇪", ["🇩", "🇪"]),
        ("± × ™ № € → ½", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_every_letter_and_digit_is_in_a_word() -> None:
    lost = [char for char in _ALL if unicodedata.category(char) in _IN_WORDS and not tokens(char)]
    # Signs of mathematics that Unicode calls letters, between signs that it doesn't.
    assert lost == ["ℇ", "ℕ", "\u2e2f"]


def test_blanks_controls_and_common_punctuation_are_in_no_word() -> None:
    common = [*range(0x600), *range(0x2000, 0x2600), *range(0x27C0, 0x2C00), *range(0x3000, 0x3100)]
    found = [chr(code) for code in common if unicodedata.category(chr(code)) in _IN_NO_WORD and tokens(chr(code))]
    assert found == []


def test_lower_casing_keeps_the_length_and_the_kind() -> None:
    changed = [(char, small) for char, small in _LOWER if char != small]
    assert [char for char, small in changed if len(small) != 1 or lower(small) != small] == []
    assert [char for char, small in changed if is_letter(char) != is_letter(small)] == []
    assert [char for char, small in changed if is_katakana(char) or is_katakana(small)] == []


def test_spellings_are_exactly_what_lower_cases_to_a_character() -> None:
    expected = defaultdict(set)
    for char, small in _LOWER:
        expected[small].add(char)
    assert [char for char, all_ in expected.items() if set(spellings(char)) != all_] == []
