"""Highlights in answers: RE2, by Arrow, for query/highlight.py, and the records that get them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from logd.http.parameters import Parameter
from logd.query.highlight import MOST_SPANS, Matcher, Span, highlights
from logd.query.tree import Node

HIGHLIGHT = Parameter(
    "highlight",
    "Whether each hit says where the terms of `q` are: `highlights` has, by field, ranges of characters [start, end).",
    bool,
)
#: What a pattern for a place in the text has: behind the first match it could take another place for it.
_PLACES = (r"\A", r"\b", r"\B")
#: What is behind the matches is copied for each round: so much takes some 0.2 s. Of long texts with many matches the
#: last ones aren't shown.
_MOST_BYTES = 50_000_000


def highlight(records: Sequence[dict[str, Any]], terms: Node) -> None:
    """Adds what is to be highlighted to each record; in threads, as thousands of records take a while."""
    shown = [{**record, "metadata": _object(record.get("metadata"))} for record in records]
    for record, found in zip(records, highlights(terms, shown, MATCHER), strict=True):
        record["highlights"] = found


def _object(metadata: orjson.Fragment | None) -> Any:
    """A fragment's JSON can only be read as a part of something."""
    return orjson.loads(orjson.dumps(metadata))


def _has(pattern: str, texts: Sequence[str]) -> Sequence[bool]:
    found: list[bool] = pc.match_substring_regex(pa.array(texts, pa.string()), pattern).to_pylist()
    return found


def _spans(pattern: str, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
    """Round by round the next match in each text that has one; none that is empty, and none that takes over
    _MOST_BYTES."""
    encoded = [text.encode() for text in texts]
    begins = [0] * len(texts)
    found: list[list[Span]] = [[] for _ in texts]
    left = list(range(len(texts)))
    rounds = 1 if any(place in pattern for place in _PLACES) else MOST_SPANS
    looked_at = 0
    for _ in range(rounds):
        # A match ends between two characters. Of binary values RE2 would take each byte for one.
        rest = pa.array([encoded[number][begins[number] :] for number in left], pa.binary()).cast(pa.string())
        spans = pc.extract_regex_span(rest, f"(?P<m>{pattern})").to_pylist()
        going_on = []
        for number, span in zip(left, spans, strict=True):
            if span is not None and span["m"][1]:
                start = begins[number] + span["m"][0]
                end = start + span["m"][1]
                before = len(encoded[number][:start].decode(errors="replace"))
                found[number].append((before, before + len(encoded[number][start:end].decode(errors="replace"))))
                begins[number] = end
                going_on.append(number)
        looked_at += rest.nbytes
        if not (left := going_on) or looked_at > _MOST_BYTES:
            break
    return found


MATCHER = Matcher(_has, _spans)
