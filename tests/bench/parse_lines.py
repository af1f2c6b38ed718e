"""Lines of several formats for the parsers, deterministic, made in the way of the corpus."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, zip_longest

import orjson

from tests.bench.corpus import generate

_SEED = 8
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"


def _clock(number: int) -> str:
    """As busy servers write: 200 lines a second."""
    seconds = number // 200
    return f"{10 + seconds // 3600 % 10}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _known(count: int) -> Iterator[bytes]:
    """The corpus' lines without what has no column."""
    for line in generate(count):
        record = orjson.loads(line)
        yield orjson.dumps({name: record[name] for name in ("timestamp", "level", "service", "host", "message")})


def _unknown(count: int) -> Iterator[bytes]:
    """The corpus' lines as libraries write them: what has no column stands beside the rest."""
    for line in generate(count):
        record = orjson.loads(line)
        metadata = record.pop("metadata")
        yield orjson.dumps({**record, **metadata})


def _combined(count: int) -> Iterator[bytes]:
    chance = random.Random(_SEED)
    for number in range(count):
        address = f"10.{chance.randrange(256)}.{chance.randrange(256)}.7"
        path, status = f"/api/v1/items/{chance.randrange(99_999)}?q=abc", chance.choice([200, 200, 404, 500])
        yield (
            f'{address} - bob [22/Nov/2026:{_clock(number)} +0000] "GET {path} HTTP/1.1" {status} '
            f'{chance.randrange(99_999)} "https://example.org/start" "{_AGENT}"'
        ).encode()


def _six(count: int) -> Iterator[bytes]:
    chance = random.Random(_SEED)
    for number in range(count):
        level = chance.choice(["INFO", "INFO", "INFO", "WARN", "ERROR"])
        yield (
            f"2026-11-22 {_clock(number)}.{number % 1_000:03} {level} [http-{chance.randrange(64)}] "
            f"org.example.shop.Orders - {chance.randrange(9_999) / 10} placed order {chance.randrange(99_999)}"
        ).encode()


def _logfmt(count: int) -> Iterator[bytes]:
    chance = random.Random(_SEED)
    for number in range(count):
        yield (
            f'ts=2026-11-22T{_clock(number)}Z level=info msg="placed order {chance.randrange(99_999)}" '
            f"caller=orders.go:{chance.randrange(999)} size={chance.randrange(9_999)} ok=true user=bob"
        ).encode()


def _syslog(count: int) -> Iterator[bytes]:
    chance = random.Random(_SEED)
    for number in range(count):
        yield (
            f"Nov 22 {_clock(number)} web{chance.randrange(9)} sshd[{chance.randrange(9_999)}]: "
            f"Failed password for invalid user bob from 10.0.0.{chance.randrange(256)} port 22 ssh2"
        ).encode()


def _mixed(count: int) -> Iterator[bytes]:
    each = count // 5 + 1
    rounds = zip_longest(*(kind(each) for kind in (_unknown, _combined, _six, _logfmt, _syslog)))
    return islice((line for lines in rounds for line in lines), count)


LINES: Mapping[str, Callable[[int], Iterator[bytes]]] = {
    "json_known": _known,
    "json_unknown": _unknown,
    "combined": _combined,
    "six": _six,
    "logfmt": _logfmt,
    "syslog": _syslog,
    "mixed": _mixed,
}
