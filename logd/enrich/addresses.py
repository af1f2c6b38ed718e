"""Checks for mail and network addresses."""

from __future__ import annotations

import itertools
import re
import socket

from logd.enrich.found import Found

_DOMAIN = re.compile(
    rb"(?:[0-9A-Za-z\x80-\xff](?:[0-9A-Za-z\x80-\xff-]{0,61}[0-9A-Za-z\x80-\xff])?\.)+"
    rb"(?:[Xx][Nn]--[0-9A-Za-z-]*[0-9A-Za-z]|[A-Za-z\x80-\xff]{2,})(?![0-9A-Za-z\x80-\xff])"
)
_OCTETS = re.compile(rb"(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])(?:\.(?!\Z)|\Z)){4}")
_PADDING = re.compile(rb"\b0+(?=[0-9])")
#: A name before an address, `peer:fe80::1`: something in it is no hexadecimal digit.
_NAMED = re.compile(rb"(?:[0-9A-Fa-f]*[G-Zg-z_]\w*:(?!:))+")
_EUI64 = re.compile(rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){7}")


def emails(token: bytes, told: bool) -> list[Found]:
    """`local@domain` with a top-level domain, of the lengths of RFC 5321; no quoted ones. Dots may stand side by side,
    as in addresses of Japanese carriers."""
    parts = token.split(b"@")
    found: list[Found] = []
    at = 0
    for left, right in itertools.pairwise(parts):
        local = left.lstrip(b".")
        domain = _DOMAIN.match(right[:256])
        start, at = at + len(left) - len(local), at + len(left) + 1
        if domain and 0 < len(local) <= 64 and domain.end() < 254:
            end = at + domain.end()
            found.append((start, end, token[start:end].lower()))
    return found


def ipv4(token: bytes, told: bool) -> list[Found]:
    """Four numbers up to 255, maybe padded with zeros; not five (a port behind a point), nor in a host's name."""
    start, end = len(token) - len(token.lstrip(b".")), len(token.rstrip(b"."))
    address = token[start:end]
    if len(address) > 15 or not _OCTETS.fullmatch(address):
        return []
    return [(start, end, _PADDING.sub(b"", address))]


def ipv6(token: bytes, told: bool) -> list[Found]:
    """Every form of RFC 4291, section 2.2, but `::` alone, which is nobody's. Eight pairs of digits are an EUI-64."""
    named = _NAMED.match(token)
    start = named.end() if named else 0
    end = len(token.rstrip(b"."))
    if token[end - 1 : end] == b":" and token[end - 2 : end] != b"::":
        end -= 1
    address = token[start:end]
    if not 2 < len(address) < 46 or _EUI64.fullmatch(address):
        return []
    try:
        packed = socket.inet_pton(socket.AF_INET6, address.decode())
    except (OSError, ValueError):
        return []
    return [(start, end, socket.inet_ntop(socket.AF_INET6, packed).encode())]
