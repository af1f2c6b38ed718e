"""The corpus of every measurement: N deterministic JSON log lines of about 280 bytes, newline-terminated.

Byte for byte the output of shared/data/make_logs.py, so that our figures stand beside its README's: seven services,
410 hosts, levels 70/20/7/3 % INFO/DEBUG/WARN/ERROR, about 5,000 lines a second of event time from START on, never
going back in time. A shorter corpus is a prefix of a longer one. The order of the random calls is the format: one
more, one less or two swapped changes every line after it.
"""

import hashlib
import os
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
SEED = 1

#: SHA-256 of what make_logs.py writes for so many lines.
PINNED_SHA256 = {
    1_000: "accfa9da699306b67573fded9dbb45656a55b525d838ea4d10c5828730cbbec2",
    20_000: "de8d307069dbac133f04e9f32dd29f8328e54bf02bf18fd7cfc8cf3e63e75c2a",
    1_000_000: "79dada173ca869327a308e312f51d32edb64a18a50a066b1efc0fa4d95e93e1f",
}

_LEVELS = ["INFO"] * 70 + ["DEBUG"] * 20 + ["WARN"] * 7 + ["ERROR"] * 3
_TROUBLE = {"WARN", "ERROR"}
_SERVICES = ["payment", "order", "cart", "search", "auth", "shipping", "inventory"]
_METHODS = ["GET", "POST", "PUT"]
_PATHS = ["/api/v1/orders/%d", "/api/v1/cart/%d/items", "/healthz?n=%d", "/api/v1/users/%d/profile"]
_STATUSES = [200, 200, 200, 201, 404]
_ERRORS = [
    "connection timeout to db-%d.internal:5432",
    "NullPointerException in OrderService.place line %d",
    "card declined code=%d",
    "upstream 503 from inventory-%d",
]
_READ_BYTES = 1 << 20
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Corpus:
    """A cached corpus file of `lines` lines, of which none is older than the one before it."""

    path: Path
    lines: int
    days: int | None = None

    def body_spans(self, body_bytes: int) -> list[tuple[int, int]]:
        """(offset, length) of consecutive pieces that cover the file: whole lines, at most `body_bytes` or one line."""
        size = self.path.stat().st_size
        spans: list[tuple[int, int]] = []
        with self.path.open("rb") as file:
            start = 0
            while start < size:
                file.seek(start)
                piece = file.read(body_bytes)
                length = piece.rfind(b"\n") + 1 or len(piece + file.readline())
                spans.append((start, length))
                start += length
        return spans

    def lines_oldest_first(self) -> Iterator[bytes]:
        """Every line with its newline."""
        with self.path.open("rb") as file:
            yield from file

    def lines_newest_first(self, needle: bytes = b"") -> Iterator[bytes]:
        """Every line that has the needle in its bytes, without its newline, last (so newest) first, in bounded memory;
        a rare one is found at the pace of the disk."""
        tail = b""
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                start = max(0, end - _READ_BYTES)
                file.seek(start)
                tail, _, whole = (file.read(end - start) + tail).partition(b"\n")
                if needle in whole:
                    yield from (line for line in reversed(whole.split(b"\n")) if line and needle in line)
                end = start
        if tail and needle in tail:
            yield tail

    def middle(self) -> bytes:
        """A line in the middle, without its newline."""
        with self.path.open("rb") as file:
            file.seek(self.path.stat().st_size // 2)
            file.readline()
            return (file.readline() or self.line(0)).rstrip(b"\n")

    def newest(self) -> datetime:
        """The time of the last line."""
        return time_of(next(self.lines_newest_first()))

    def line(self, number: int) -> bytes:
        """Line `number`, from 0, without its newline."""
        with self.path.open("rb") as file:
            for position, line in enumerate(file):
                if position == number:
                    return line.rstrip(b"\n")
        raise IndexError(f"the corpus has {self.lines} lines, no line {number}")


def time_of(line: bytes) -> datetime:
    """Of a line of the corpus."""
    return datetime.fromisoformat(orjson.loads(line)["timestamp"])


def generate(lines: int, start: datetime = START, days: int | None = None) -> Iterator[bytes]:
    """The corpus, a line at a time, each with its newline; over so many days that end at `start`, or from there on."""
    rng = random.Random(SEED)
    moment = start
    for number in range(lines):
        step_us = rng.randint(1, 400)
        if days is None:
            moment += timedelta(microseconds=step_us)
        else:
            moment = start - timedelta(microseconds=(lines - number) * days * _DAY_US // lines)
        level = rng.choice(_LEVELS)
        service = rng.choice(_SERVICES)
        message = _trouble(rng) if level in _TROUBLE else _request(rng)
        record = {
            "timestamp": moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z",
            "level": level,
            "service": service,
            "host": f"ip-10-0-{rng.randint(0, 9)}-{rng.randint(0, 40)}",
            "message": message,
            "metadata": {
                "trace_id": f"{rng.getrandbits(128):032x}",
                "user_id": rng.randint(1, 50_000),
                "duration_ms": round(rng.random() * 200, 2),
            },
        }
        yield orjson.dumps(record) + b"\n"


def _trouble(rng: random.Random) -> str:
    return rng.choice(_ERRORS) % rng.randint(1, 999)


def _request(rng: random.Random) -> str:
    method = rng.choice(_METHODS)
    path = rng.choice(_PATHS) % rng.randint(1, 99_999)
    status = rng.choice(_STATUSES)
    return f"{method} {path} status={status} took {rng.random() * 200:.1f}ms request_id={rng.getrandbits(64):016x}"


def cache_folder() -> Path:
    """Where corpora stay between runs: outside the checkout, this user's own."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "logd-bench"


def corpus(lines: int, days: int | None = None) -> Corpus:
    """The corpus of `lines` lines, generated by the first call (10 s a million) and cached; never half-written.

    Raises RuntimeError when a pinned size comes out with another checksum (a Python whose `random` differs).
    """
    folder = cache_folder()
    path = folder / (f"corpus-{lines}.ndjson" if days is None else f"corpus-{lines}-{days}-days.ndjson")
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, lines, days)
    return Corpus(path, lines, days)


def _write(path: Path, lines: int, days: int | None) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
        try:
            digest = hashlib.sha256()
            for line in generate(lines, days=days):
                digest.update(line)
                file.write(line)
            file.close()
            if days is None and PINNED_SHA256.get(lines, digest.hexdigest()) != digest.hexdigest():
                raise RuntimeError(f"the corpus of {lines} lines came out with sha256 {digest.hexdigest()}")
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
