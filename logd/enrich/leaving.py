"""Rules that leave records out: all of those that match, or all but a part."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.enrich.named import Field
from logd.enrich.work import Ints, Work

SAMPLE_RATE = "sample_rate"
_ALWAYS_KEPT = pa.array(["WARN", "ERROR", "FATAL"])
#: A part of what is less could be 0, for which no number of records stands.
_LEAST_RATE = 1e-200
_Words = np.ndarray[Any, np.dtype[np.uint64]]
#: An odd number with no pattern in its bits: that of the golden ratio.
_FACTOR = 0x9E3779B97F4A7C15


class Drop:
    """Every record."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.writes = frozenset[str]()

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        work.leave_out(rows, "dropped", self._name)


class Sample:
    """All but a part. Which records are kept says a hash of their log_id and the rule's name, so it is the same in
    every process, and when they come again; and rules one after another keep the product of their parts. WARN and above
    are always kept. A record that might have been left out says by `sample_rate` for how many it stands: 0.1 is ten.
    Those with the same `salt`, which stands for the name, keep the same records."""

    def __init__(self, name: str, keep: float, salt: str = "") -> None:
        self._name = name
        self._salt = int.from_bytes(hashlib.blake2b((salt or name).encode(), digest_size=8).digest(), "little")
        self._keep = keep
        self._rate = Field(f"metadata.{SAMPLE_RATE}")
        self.writes = frozenset(["metadata"])

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        safe = pc.is_in(work.column("level").take(pa.array(rows)), _ALWAYS_KEPT)
        rows = rows[~safe.to_numpy(zero_copy_only=False)]
        kept = hashed(work.column("log_id").take(pa.array(rows)), self._salt) < np.uint64(int(self._keep * 2**64))
        out, stays = rows[~kept], rows[kept]
        work.leave_out(out, "sampled", self._name)
        if len(stays):
            self._rate.put(work, stays, self._multiplied(self._rate.json(work, stays)))

    def _multiplied(self, old: pa.StringArray) -> pa.StringArray:
        """What is there already, times the part; few values are different."""
        encoded = old.dictionary_encode(null_encoding="encode")
        rates = [f"{_rate(text) * self._keep:.12g}" for text in encoded.dictionary.to_pylist()]
        return pa.array(rates, pa.string()).take(encoded.indices)


def hashed(texts: pa.StringArray, salt: int) -> _Words:
    """64 bits of each text, none of which is null: a polynomial of its bytes, mixed. The same for ever: a line that was
    kept when it came first is kept later."""
    _, where, data = texts.buffers()
    if not len(texts) or data is None:
        return np.zeros(len(texts), np.uint64)
    offsets = np.frombuffer(where, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    content = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]].astype(np.uint64)
    lengths = np.diff(offsets)
    powers = np.full(int(lengths.max()) + 1, _FACTOR, np.uint64)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)
    places = np.arange(len(content)) - np.repeat(offsets[:-1] - offsets[0], lengths)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum((content + np.uint64(1)) * powers[places])])
    ends = offsets - offsets[0]
    return _mixed(sums[ends[1:]] - sums[ends[:-1]] ^ np.uint64(salt))


def _mixed(words: _Words) -> _Words:
    """Every bit depends on every other."""
    for _ in range(2):
        words = (words ^ (words >> np.uint64(32))) * np.uint64(_FACTOR)
    return words ^ (words >> np.uint64(29))


def _rate(text: str | None) -> float:
    """What a record says already; 1 where that is no rate."""
    try:
        rate = json.loads(text or "1")
    except ValueError:
        return 1.0
    # Of an integer no float holds isfinite makes an error, and a comparison what it should be; NaN is in no range.
    good = isinstance(rate, int | float) and not isinstance(rate, bool) and _LEAST_RATE <= rate <= 1
    return float(rate) if good else 1.0
