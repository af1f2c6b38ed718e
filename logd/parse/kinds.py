"""Which lines are wrapped in what: by their chunk's content type, by their parser, or by what they look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import CRI, DOCKER, SYSLOG, TEXT, Chunk
from logd.parse.chains import Chain
from logd.parse.lines import Ints, Lines
from logd.parse.patterns import first_bytes

#: By code; 0 is a line that isn't wrapped.
KINDS = ("", DOCKER, CRI, SYSLOG)
_DOCKER, _CRI, _SYSLOG = 1, 2, 3
_LOOKS_CRI = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [PF](?::\S*)? "
_LOOKS_DOCKER = r'^\{"log":".*","stream":"std(?:out|err)".*,"time":"'
_LOOKS_SYSLOG = r"^<\d{1,3}>(?:1 (?:-|\d{4}-)|[A-Z][a-z]{2} [ \d]\d )"


def kinds(chunks: Sequence[Chunk], lines: Lines, chains: Sequence[Chain | None]) -> tuple[Ints, Ints]:
    """For each line its code of KINDS, and the code that it must have: where it only looks like one, that is 0."""
    codes = {kind: code for code, kind in enumerate(KINDS)}
    given = [codes.get(chunk.content_type, 0) for chunk in chunks]
    containers = [False] * len(chunks)
    looks = [False] * len(chunks)
    for place, (chunk, chain) in enumerate(zip(chunks, chains, strict=True)):
        if given[place] == 0 and chain is not None:
            containers[place] = DOCKER in chain.wrappings
            given[place] = _SYSLOG if SYSLOG in chain.wrappings else 0
        elif given[place] == 0:
            looks[place] = chunk.content_type == TEXT
    must = np.array(given, np.int64)[lines.chunk]
    if any(containers):
        here = np.array(containers, bool)[lines.chunk]
        must[here] = np.where(first_bytes(lines.text)[here] == ord("{"), _DOCKER, _CRI)
    if not any(looks):
        return must, must
    found = must.copy()
    first = np.where(np.array(looks, bool)[lines.chunk], first_bytes(lines.text), np.uint8(0))
    for code, mask, pattern in (
        (_SYSLOG, first == ord("<"), _LOOKS_SYSLOG),
        (_CRI, (first >= ord("0")) & (first <= ord("9")), _LOOKS_CRI),
        (_DOCKER, first == ord("{"), _LOOKS_DOCKER),
    ):
        rows = np.flatnonzero(mask)
        if code == _DOCKER and len(rows):
            rows = rows[pc.starts_with(lines.text.take(pa.array(rows)), '{"log":"').to_numpy(zero_copy_only=False)]
        if len(rows):
            fits = pc.match_substring_regex(lines.text.take(pa.array(rows)), pattern)
            found[rows[fits.to_numpy(zero_copy_only=False)]] = code
    return found, must
