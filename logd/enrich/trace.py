"""The ids that join a record to a trace, wherever a library puts them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from logd.enrich.named import TEXTS, Field, field_of
from logd.enrich.objects import json_of
from logd.enrich.work import Ints, Work

#: W3C's Trace Context, of this version or a later one, which may say more at its end.
_TRACEPARENT = (
    r"^[ \t]*(?:[0-9a-e][0-9a-f]|f[0-9a-e])-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?[ \t]*$"
)
_NO_ID = r"^0+$"


class Trace:
    """The first of the fields that has an id gives it to a record without one: to the column `trace_id`, and to
    `span_id` in the metadata, where it is taken away from a field that was it alone."""

    writes = frozenset(["trace_id", "metadata"])

    def __init__(self, trace_id: Sequence[str], span_id: Sequence[str], traceparent: Sequence[str]) -> None:
        if not (trace_id or span_id or traceparent):
            raise ValueError("trace_id, span_id and traceparent are missing: one of them says where ids are")
        self._trace_id = [field_of(name, TEXTS, "trace_id") for name in trace_id]
        self._span_id = [field_of(name, TEXTS, "span_id") for name in span_id]
        self._parents = [field_of(name, TEXTS, "traceparent") for name in traceparent]
        self._trace, self._span = Field("trace_id"), Field("metadata.span_id")

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        for fields, target in ((self._trace_id, self._trace), (self._span_id, self._span)):
            for field in fields:
                self._take(work, rows, field, target)
        for field in self._parents:
            found = pc.extract_regex(field.text(work, rows), _TRACEPARENT)
            for name, target in (("trace", self._trace), ("span", self._span)):
                ids = pc.struct_field(found, name)
                ids = pc.if_else(pc.match_substring_regex(ids, _NO_ID), pa.scalar(None, pa.string()), ids)
                target.give(work, rows, json_of(ids), overwrite=False)

    def _take(self, work: Work, rows: Ints, field: Field, target: Field) -> None:
        text = field.text(work, rows)
        text = pc.if_else(pc.match_substring_regex(text, r"^\s*$"), pa.scalar(None, pa.string()), text)
        given = target.give(work, rows, json_of(text), overwrite=False)
        if field.column is None:
            field.remove(work, given)
