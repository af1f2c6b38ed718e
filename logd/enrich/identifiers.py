"""Checks for the numbers that people have: payment cards, bank accounts, social security."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from logd.enrich.found import Found

_ANY = range(13, 20)
#: First four digits, from and to, and the lengths that are issued with them, as the networks publish them.
_ISSUERS = (
    (4000, 4999, (13, 16, 19)),  # Visa
    (5100, 5599, (16,)),  # Mastercard
    (2221, 2720, (16,)),
    (3400, 3499, (15,)),  # American Express
    (3700, 3799, (15,)),
    (3000, 3059, range(14, 20)),  # Diners Club
    (3095, 3095, range(14, 20)),
    (3600, 3699, range(14, 20)),
    (3800, 3999, range(14, 20)),
    (3528, 3589, range(16, 20)),  # JCB
    (6011, 6011, range(16, 20)),  # Discover
    (6440, 6599, range(16, 20)),
    (6200, 6299, range(16, 20)),  # UnionPay
    (8100, 8199, range(16, 20)),
    (2200, 2204, range(16, 20)),  # Mir
    *((prefix, prefix, _ANY) for prefix in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763)),  # Maestro
)
#: How the digits of a card are grouped: by fours, or as American Express and Diners Club print theirs.
_GROUPED = {
    *((4, 4, 4, last) for last in (1, 2, 3, 4)),
    *((4, 4, 4, 4, last) for last in (1, 2, 3)),
    (4, 6, 5),
    (4, 6, 4),
}
_DIGITS = re.compile(rb"[0-9]+")
_WORD = re.compile(rb"\w")
#: Twice a digit, its digits added up.
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_IBAN_START = re.compile(rb"(?<!\w)[A-Z]{2}[0-9]{2}")
_CAPITALS = re.compile(rb"[0-9A-Z]+")
_SSN = re.compile(rb"(?<![0-9][.-])\b(?!000|666|9)([0-9]{3})-(?!00)([0-9]{2})-(?!0000)([0-9]{4})\b(?![.-][0-9])")

#: Characters of each country's IBAN (SWIFT's IBAN registry).
IBAN_LENGTHS = {
    country.encode(): length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}


def cards(token: bytes, told: bool) -> list[Found]:
    """Digits in a row or in groups, of an issuer, with a right check digit (ISO/IEC 7812-1, annex B)."""
    groups = [match.span() for match in _DIGITS.finditer(token)]
    found: list[Found] = []
    place = 0
    while place < len(groups):
        end = place + 1
        for count in (5, 4, 3, 1):
            card = _card(token, groups[place : place + count], count)
            if card is not None:
                found.append(card)
                end = place + count
                break
        place = end
    return found


def _card(token: bytes, groups: list[tuple[int, int]], count: int) -> Found | None:
    sizes = tuple(end - start for start, end in groups)
    if len(groups) != count or not (sizes in _GROUPED or (count == 1 and sizes[0] in _ANY)):
        return None
    between = {token[left[1] : right[0]] for left, right in itertools.pairwise(groups)}
    start, end = groups[0][0], groups[-1][1]
    if between not in (set(), {b" "}, {b"-"}) or not _apart(token, start, end):
        return None
    digits = b"".join(token[left:right] for left, right in groups)
    prefix = int(digits[:4])
    issued = any(low <= prefix <= high and len(digits) in lengths for low, high, lengths in _ISSUERS)
    return (start, end, digits) if issued and _luhn(digits) else None


def _luhn(digits: bytes) -> bool:
    total = sum(digit - 48 for digit in digits[-1::-2]) + sum(_DOUBLED[digit - 48] for digit in digits[-2::-2])
    return total % 10 == 0


def _apart(token: bytes, start: int, end: int) -> bool:
    """Whether digits are no part of a word, of a number with points or hyphens, or a negative number."""
    if _WORD.match(token, end) or (start and _WORD.match(token, start - 1)):
        return False
    left = start > 0 and token[start - 1] in b".-" and not token[start - 2 : start - 1].isalpha()
    right = end < len(token) and token[end] in b".-" and token[end + 1 : end + 2].isdigit()
    return not (left or right)


def ibans(token: bytes, told: bool) -> list[Found]:
    """Of its country's length, in a row or printed in fours, and 1 modulo 97 (ISO 13616-1, ISO 7064)."""
    found: list[Found] = []
    at = 0
    while match := _IBAN_START.search(token, at):
        start = match.start()
        length = IBAN_LENGTHS.get(token[start : start + 2], 0)
        end = next((end for end in _iban_ends(token, start, length) if not _WORD.match(token, end)), None)
        at = match.end()
        if end is not None:
            value = token[start:end].replace(b" ", b"")
            if int("".join(str(int(chr(character), 36)) for character in value[4:] + value[:4])) % 97 == 1:
                found.append((start, end, value))
                at = end
    return found


def _iban_ends(token: bytes, start: int, length: int) -> Iterator[int]:
    """Where `length` characters end that have no blanks, or one after each four."""
    if length:
        row = token[start : start + length]
        if len(row) == length and _CAPITALS.fullmatch(row):
            yield start + length
        printed = token[start : start + length + (length - 1) // 4]
        fours = [printed[at : at + 4] for at in range(0, len(printed), 5)]
        if b" ".join(fours) == printed and len(b"".join(fours)) == length and all(map(_CAPITALS.fullmatch, fours)):
            yield start + len(printed)


def ssns(token: bytes, told: bool) -> list[Found]:
    """Area, group, serial (20 CFR 422.103): not 000, 666 or 9xx, not 00, not 0000."""
    return [(*match.span(), b"".join(match.groups())) for match in _SSN.finditer(token)]
