"""Checks for what opens doors: tokens and keys."""

from __future__ import annotations

import base64
import re

import msgspec

from logd.enrich.found import Found

_DIGIT = re.compile(rb"[0-9]")
_JWT_HEADER = re.compile(rb"(?<!\w)eyJ[\w-]*+")
_JWS_REST = re.compile(rb"\.[\w-]+\.[\w-]*")
_JWE_REST = re.compile(rb"\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+")
_AWS_SECRET = re.compile(rb"[0-9A-Za-z/+]{40}")
_BEARER = re.compile(rb"(?i:(authorization)\W+)?(?i:bearer[ \t]++)++([\w.~+/-]++=*)\Z")
#: Words follow `bearer` in prose: what isn't told to be a token has a digit or is longer than any.
_TOKEN_LENGTH, _LONG_TOKEN_LENGTH = 8, 20


def jwts(token: bytes, told: bool) -> list[Found]:
    """Compact JWS and JWE (RFC 7515, 7516) whose header is JSON and names an algorithm."""
    found: list[Found] = []
    at = 0
    while header := _JWT_HEADER.search(token, at):
        at = header.end()
        rest = _jwt_rest(token, header[0], at)
        if rest:
            at = rest.end()
            found.append((header.start(), at, token[header.start() : at]))
    return found


def _jwt_rest(token: bytes, header: bytes, at: int) -> re.Match[bytes] | None:
    try:
        fields = msgspec.json.decode(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(fields, dict) or "alg" not in fields:
        return None
    return _JWE_REST.match(token, at) if "enc" in fields else _JWS_REST.match(token, at)


def aws_secrets(token: bytes, told: bool) -> list[Found]:
    """40 characters of base64, no more."""
    start = len(token) - 40
    secret = token[start:]
    if start < 0 or (told and start) or not _AWS_SECRET.fullmatch(secret):
        return []
    before = token[start - 1 : start]
    return [] if before.isalnum() or before in (b"/", b"+") else [(start, len(token), secret)]


def bearers(token: bytes, told: bool) -> list[Found]:
    """The credentials of RFC 6750, section 2.1, without the word; any after `Authorization`, else what is no word."""
    match = _BEARER.fullmatch(token)
    if not match:
        return []
    value = match[2].rstrip(b".")
    sure = told or match[1] is not None or len(value) >= _LONG_TOKEN_LENGTH
    if value and (sure or (len(value) >= _TOKEN_LENGTH and _DIGIT.search(value))):
        return [(match.start(2), match.start(2) + len(value), value)]
    return []
