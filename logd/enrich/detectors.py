"""What can be found in a text: the built-in detectors, and a configured pattern as one.

A detector's regular expression matches every token that may be what it looks for, whole, and what must not be beside
it; its check says which places in the token it really is. The expressions are RE2's, so they take time in proportion to
the text; they have no look-around, which is why the checks see a character more than the value.

| name | what | where it is from |
| --- | --- | --- |
| `credit_card` | 13 to 19 digits in a row or in printed groups, issuer, check digit | ISO/IEC 7812-1; the networks |
| `email` | dot-atom, domain with a top-level one, letters of any script | RFC 5321, 5322, 6531 |
| `ipv4`, `ipv6` | addresses without port, prefix length and zone | RFC 791; RFC 4291, section 2.2 |
| `jwt` | compact JWS and JWE | RFC 7515, 7516, 7519 |
| `aws_access_key` | AKIA…, ASIA…, ABIA…, ACCA… | AWS IAM User Guide, "Unique identifiers" |
| `aws_secret_key` | 40 characters of base64 beside a name that tells it | AWS IAM User Guide, "Managing access keys" |
| `bearer` | the token after `bearer`, the word stays | RFC 6750, section 2.1 |
| `iban` | capitals, by length and check digits, in a row or in fours | ISO 13616-1; SWIFT's IBAN registry |
| `ssn` | ddd-dd-dddd with its hyphens | 20 CFR 422.103; SSA, "SSN randomization" |
"""

from __future__ import annotations

import re

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logd.enrich import addresses, credentials, identifiers
from logd.enrich.found import Check, whole

#: Letters of a mail address, `@` among them so that `a@b@c.example` is one token. Beyond ASCII all but punctuation.
_MAIL = r"[0-9A-Za-z._%+\-@\x{c0}-\x{1fff}\x{2c00}-\x{2fef}\x{3040}-\x{d7ff}\x{f900}-\x{fdff}\x{10000}-\x{effff}]"
_CARD = r"[2-68][0-9]{3}(?:[0-9]{9}|[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]|[ -][0-9]{6}[ -][0-9]{4})(?:[ -]?[0-9]+)*"
_SECRET_NAME = r"(?i:aws[._ -]?secret(?:[._ -]?access)?(?:[._ -]?key)?|secret[._ -]?(?:access[._ -]?)?key)"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Detector(msgspec.Struct, frozen=True):
    """`token` is an RE2 expression, `named` one of the end of JSON keys, whose whole
    value is a token too. `own`: configured."""

    name: str
    token: str
    check: Check
    named: str | None = None
    own: bool = False


BUILT_IN = {
    detector.name: detector
    for detector in (
        Detector("credit_card", rf"(?:[0-9]\.|[A-Za-z]?-)?\b{_CARD}(?:\w|\.[0-9])?", identifiers.cards),
        Detector("email", rf"{_MAIL}+@{_MAIL}+", addresses.emails),
        Detector("ipv4", r"[\w.]*[0-9]\.[0-9]+\.[0-9]+\.[0-9][\w.]*", addresses.ipv4),
        Detector("ipv6", r"[\w.:]*(?:::|(?::[0-9A-Fa-f]{1,4}){5}:)[\w.:]*", addresses.ipv6),
        Detector("jwt", r"\beyJ[\w-]*(?:\.[\w-]*){2,}", credentials.jwts),
        Detector("aws_access_key", r"\bA(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}\b", whole),
        Detector(
            "aws_secret_key",
            rf"{_SECRET_NAME}[ \t\r\n\"'\\:=>]{{1,8}}[0-9A-Za-z/+]{{40,}}",
            credentials.aws_secrets,
            named=_SECRET_NAME,
        ),
        Detector(
            "bearer",
            r"(?:(?i:\bauthorization)[ \t\r\n\"'\\:=>]{1,8})?(?:(?i:\bbearer)[ \t]+)+[\w.~+/-]+=*",
            credentials.bearers,
            named=r"(?i:\bauthorization)",
        ),
        Detector("iban", r"\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){11}(?: ?[0-9A-Z]+)*\w?", identifiers.ibans),
        Detector("ssn", r"(?:[0-9][.-])?\b[0-9]{3}-[0-9]{2}-[0-9]{4}(?:\w|[.-][0-9])?", identifiers.ssns),
    )
}


def own_detector(name: str, pattern: str) -> Detector:
    """A configured pattern, each of whose matches is a value. Raises ValueError, with the reason, when the name or the
    pattern won't do."""
    if not _NAME.fullmatch(name) or name in BUILT_IN:
        raise ValueError(
            f"pattern name {name!r}, expected lower-case letters, digits and _, and no built-in detector's"
        )
    token = f"(?:{pattern})"
    try:
        # Alone as well: in a group one that is none may look right, `a)\Q` for one.
        for one in (token, pattern):
            empty = pc.match_substring_regex(pa.array([""]), one)[0].as_py()
    except pa.ArrowInvalid as error:
        raise ValueError(f"pattern {name} is {pattern!r}, which RE2 can't express: {_reason(error)}") from None
    if empty:
        raise ValueError(f"pattern {name} is {pattern!r}, which matches the empty text")
    return Detector(name, token, whole, own=True)


def check_size(token: str) -> None:
    """Raises ValueError when it is too much for RE2, as many patterns at once may be."""
    try:
        pc.match_substring_regex(pa.array([""]), token)
    except pa.ArrowInvalid as error:
        raise ValueError(f"patterns of {len(token)} characters in one rule: {_reason(error)}") from None


def _reason(error: pa.ArrowInvalid) -> str:
    return str(error).removeprefix("Invalid regular expression: ")
