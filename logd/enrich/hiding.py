"""Redaction as a rule of shaping."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from logd.enrich.redact import Redactor, RedactRule
from logd.enrich.work import Ints, Work


class Redact:
    """Hides secrets in some records; see redact.py. What is hidden is counted by detector or pattern."""

    writes = frozenset(["message", "metadata"])

    def __init__(self, rule: RedactRule, key: bytes) -> None:
        """`rule` is for all services. Raises ValueError, with the reason, when it or the key won't do."""
        self._redactor = Redactor([rule], key)

    def run(self, work: Work, rows: Ints) -> None:
        """See Action."""
        whole = len(rows) == len(work.table)
        done = self._redactor.redact(work.table if whole else work.table.take(pa.array(rows)))
        for name, count in done.counts.items():
            work.counts["redacted", name] += count
        changed: Sequence[str] = ("message", "metadata") if done.counts else ()
        for name in changed:
            work.put_rows(name, rows, done.table[name].combine_chunks())
