"""A JSON body `{"logs": [...]}` into newline-separated elements, in place and without looking into them.

The body is scanned a block at a time with numpy: where strings are, how deep each bracket is, and so which commas part
the elements of `logs`. Its cost and memory don't depend on what the elements hold, and an element that is no valid JSON
(NaN, a million levels, a raw newline) harms no other: the parser will see it as one line.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from logd.errors import BadRequest

_BLOCK_BYTES = 1024 * 1024
_QUOTE, _BACKSLASH, _COMMA, _NEWLINE = (ord(character) for character in '"\\,\n')
#: What a byte outside strings does to the depth.
_DEPTH = np.zeros(256, np.int8)
_DEPTH[[ord("{"), ord("[")]] = 1
_DEPTH[[ord("}"), ord("]")]] = -1
#: Possessive: a frame for every byte, to come back to, would be gigabytes for a key of megabytes.
_KEY = re.compile(rb'\s*+"((?:[^"\\]++|\\.)*+)"\s*+:\s*+', re.DOTALL)
_ENVELOPE, _LIST = 1, 2
#: Of the object around `logs`: nobody has more, and each costs a look at its name.
_MAX_MEMBERS = 10_000


def split_elements(body: bytearray) -> bytes:
    """The elements of the array `logs`, each on a line of its own (the body is changed on the way).

    Raises BadRequest when the body is no JSON object with an array `logs`, as far as its brackets and strings say."""
    body[:] = body.replace(b"\r", b" ").replace(b"\n", b" ").strip()
    if not body.startswith(b"{"):
        raise BadRequest("bad_body", "the body is no JSON object", "body")
    members, commas = _structure(body)
    found = None
    for start, end in members:
        key = _KEY.match(body, start, end)
        if key is None:
            raise BadRequest("bad_body", f"no key and value at byte {start} of the body", "body")
        if key[1] == b"logs":
            if found is not None:
                raise BadRequest("bad_body", "the body has logs twice", "logs")
            found = (key.end(), end - 1)
    if found is None:
        raise BadRequest("bad_body", "the body has no array logs", "logs")
    first, last = found
    while last > first and body[last] in b" \t":
        last -= 1
    if body[first : first + 1] != b"[" or body[last : last + 1] != b"]":
        raise BadRequest("bad_body", "logs is no array", "logs")
    _part(np.frombuffer(body, np.uint8), commas, first, last)
    return bytes(memoryview(body)[first + 1 : last])


def _structure(body: bytearray) -> tuple[list[tuple[int, int]], list[Any]]:
    """Where each member of the object begins and ends, and for each block which of its bytes are commas at depth 2,
    outside strings, as bits: there may be as many as bytes. Raises BadRequest when the object doesn't end, or something
    follows it."""
    text = np.frombuffer(body, np.uint8)
    edges, lists = [0], []
    depth, inside, escaped = 0, False, False
    for start in range(0, len(text), _BLOCK_BYTES):
        block = text[start : start + _BLOCK_BYTES]
        quotes = block == _QUOTE
        escaped = _drop_escaped(block, quotes, escaped)
        in_string = np.logical_xor.accumulate(quotes) ^ inside
        inside = bool(in_string[-1])
        change = np.where(in_string, 0, _DEPTH[block])
        depths = np.cumsum(change, dtype=np.int32) + depth
        depth = int(depths[-1])
        commas = (block == _COMMA) & ~in_string
        lists.append(np.packbits(commas & (depths == _LIST)))
        edges += (np.flatnonzero(commas & (depths == _ENVELOPE)) + start).tolist()
        if len(edges) > _MAX_MEMBERS:
            raise BadRequest("bad_body", f"the JSON object has over {_MAX_MEMBERS} members", "body")
        closed = np.flatnonzero((depths <= 0) & (change < 0))
        if len(closed):
            end = start + int(closed[0])
            if depths[closed[0]] < 0 or bytes(body[end + 1 :]).strip():
                raise BadRequest("bad_body", f"the JSON object ends at byte {end + 1}, but more follows", "body")
            is_empty = len(edges) == 1 and not bytes(body[1:end]).strip()
            places = itertools.pairwise([*edges, end])
            return [] if is_empty else [(first + 1, last) for first, last in places], lists
    raise BadRequest("bad_body", "the body ends inside a string or an open bracket: is it truncated?", "body")


def _part(text: Any, commas: list[Any], first: int, last: int) -> None:
    """Line endings for the commas between `first` and `last`."""
    for n, bits in enumerate(commas):
        start = n * _BLOCK_BYTES
        block = text[start : start + _BLOCK_BYTES]
        chosen = np.unpackbits(bits, count=len(block)).view(bool)
        chosen[: max(first - start, 0)] = False
        chosen[max(last - start, 0) :] = False
        block[chosen] = _NEWLINE


def _drop_escaped(block: Any, quotes: Any, escaped: bool) -> bool:
    """Takes the quotes after an odd run of backslashes out of `quotes`. `escaped`: the block before ended in such a
    run; gives the same for this one."""
    backslashes = np.flatnonzero(block == _BACKSLASH)
    if len(backslashes) == 0:
        if escaped:
            quotes[0] = False
        return False
    # In a run of backslashes every second one is itself escaped, counted from the run's beginning.
    begins = np.flatnonzero(np.append(True, backslashes[1:] - backslashes[:-1] != 1))
    run = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(backslashes))))
    place = np.arange(len(backslashes)) - begins[run]
    if escaped:
        quotes[0] = False
        if backslashes[0] == 0:
            place[run == 0] += 1
    active = backslashes[place % 2 == 0]
    after = active + 1
    quotes[after[after < len(block)]] = False
    return bool(len(active) and active[-1] == len(block) - 1)
