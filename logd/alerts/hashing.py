"""Hashes of texts, the same in every process and every version of the libraries: a batch at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]
#: Of a longer text this many bytes count, and its length.
_LONGEST = 1_024
#: Odd, so that it has an inverse modulo 2**64: the golden ratio's fraction.
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIXING = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)


def _powers() -> Hashes:
    with np.errstate(over="ignore"):
        return np.multiply.accumulate(np.full(_LONGEST, _BASE, np.uint64))


_POWERS = _powers()


def hashes(texts: pa.StringArray) -> Hashes:
    """Of each text, none of which is null: a polynomial of its bytes, mixed as by the finalizer of MurmurHash3."""
    if not len(texts):
        return np.zeros(0, np.uint64)
    # Made anew, so that its bytes lie end to end.
    cut = pc.binary_slice(texts.cast(pa.binary()), 0, _LONGEST)
    ends = np.cumsum(pc.binary_length(cut).to_numpy().astype(np.int64))
    starts = np.concatenate([[0], ends[:-1]])
    _, _, data_buffer = cut.buffers()
    data = np.frombuffer(data_buffer or b"", np.uint8)[: ends[-1]]
    with np.errstate(over="ignore"):
        place = np.arange(len(data)) - np.repeat(starts, ends - starts)
        terms = (data.astype(np.uint64) + np.uint64(1)) * _POWERS[place]
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms)])
        found = sums[ends] - sums[starts] + pc.binary_length(texts).to_numpy().astype(np.uint64)
        for factor in _MIXING:
            found = (found ^ (found >> np.uint64(33))) * np.uint64(factor)
        return np.asarray(found ^ (found >> np.uint64(33)))
