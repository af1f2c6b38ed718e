"""Percentiles and counts of different values, as cells that add up: a key and a number.

percentiles   DDSketch (Masson, Rim, Lee, VLDB 2019): the key is the logarithm of a value to the base of GAMMA, rounded
              up, and the number is how many values have it; two are added by adding the numbers. What `quantile` gives
              is within ACCURACY of a value that has that rank.
distinct      HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, AofA 2007): the key is the first REGISTER_BITS of a
              value's hash, and the number is the place of the first 1 in the others; two are added by the larger
              number. Of few values, by how many registers are empty; the error is 0.8 % of the number, and what
              is given is whole.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
#: What is nearer to 0 is 0.
_LEAST = 1e-9
_FIRST = math.ceil(math.log(_LEAST, GAMMA))
REGISTER_BITS = 14
_REGISTERS = 1 << REGISTER_BITS
_HASH_BITS = 64
#: Of the paper, for so many registers.
_ALPHA = 0.7213 / (1 + 1.079 / _REGISTERS)


def keys_of_numbers(values: Floats) -> Ints:
    """The keys of finite numbers; they rise with them, that of 0 is 0."""
    sizes = np.maximum(np.abs(values), _LEAST)
    places = np.ceil(np.log(sizes) / math.log(GAMMA)).astype(np.int64) - _FIRST + 1
    return np.asarray(np.where(np.abs(values) < _LEAST, 0, np.sign(values).astype(np.int64) * places))


def quantile(keys: Ints, counts: Floats, share: float) -> float:
    """The value that so large a share of all, from 0 to 1, isn't above: of 20 values p95 is the 19th. There must be
    one."""
    order = np.argsort(keys)
    upto = np.cumsum(counts[order])
    # What rounding adds to the share makes it no other value.
    place = int(np.searchsorted(upto, share * upto[-1] * (1 - 1e-12)))
    return _number_of(int(keys[order][min(place, len(keys) - 1)]))


def _number_of(key: int) -> float:
    if not key:
        return 0.0
    size = 2 * GAMMA ** (abs(key) - 1 + _FIRST) / (GAMMA + 1)
    return math.copysign(size, key)


def cells_of_hashes(hashes: npt.NDArray[np.uint64]) -> tuple[Ints, Floats]:
    """The keys and numbers of values, by their hashes."""
    keys = (hashes >> np.uint64(_HASH_BITS - REGISTER_BITS)).astype(np.int64)
    rest_bits = _HASH_BITS - REGISTER_BITS
    rest = hashes & np.uint64((1 << rest_bits) - 1)
    # A double has as many bits, and its exponent says which is the first.
    lengths = np.frexp(rest.astype(np.float64))[1]
    return keys, (rest_bits - lengths + 1).astype(np.float64)


def distinct(numbers: Floats) -> float:
    """How many different values there are, by the numbers of the registers that have one."""
    empty = _REGISTERS - len(numbers)
    total = empty + float(np.sum(np.exp2(-numbers)))
    estimate = _ALPHA * _REGISTERS * _REGISTERS / total
    if estimate <= 2.5 * _REGISTERS and empty:
        return float(round(_REGISTERS * math.log(_REGISTERS / empty)))
    return float(round(estimate))


def merged(keys: Ints, numbers: Floats, add: np.ufunc) -> tuple[Ints, Floats]:
    """The cells with each key once, ascending: numbers of the same key are put together by `add`."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    combined: npt.NDArray[Any] = add.reduceat(numbers[order], starts) if len(starts) else numbers[:0]
    return keys[starts], combined
