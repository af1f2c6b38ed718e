"""The rules of shaping over one batch of records after another.

    records ─┬─ group of rules: services ─ queries, together ─ what each does, in order ─┬─ … ── records, and the kept
             └──────────── nothing of the batch is theirs: no more than this look ───────┘

Rules whose queries read nothing that those just before them write share one query over the batch: twenty drop rules
cost little more than one. Everything is the same wherever records are shaped, and each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from logd.enrich.filters import MANY_ROWS, Failed, Filters
from logd.enrich.rules import Rule, is_everything
from logd.enrich.work import Bools, Ints, Work

#: Of a stream with ever new services.
_MAX_KNOWN = 10_000


class Shaped(msgspec.Struct, frozen=True):
    """A row for each that came. `kept` marks those that no rule has left out, None are all. `counts` say what was done,
    by what ("dropped", "sampled", "redacted") and by rule or detector; `left_out` has the places of rows that were
    "dropped" or "sampled"."""

    table: pa.Table
    kept: pa.BooleanArray | None
    counts: Mapping[tuple[str, str], int]
    left_out: Mapping[tuple[str, str], Ints] = {}


class Shaping:
    """Not thread-safe: one for each thread that parses. Owns a DuckDB instance for each group of rules with queries."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._groups = [_Group(group) for group in grouped(rules)]

    def shape(self, table: pa.Table) -> Shaped:
        """The records of `table`, of record.SCHEMA, as the rules leave them. Raises Failed, naming rules, when a query
        can't be evaluated: then nothing may be done with the records, which might have been hidden."""
        work = Work(table)
        for group in self._groups:
            group.run(work)
        kept = None if work.kept.all() else pa.array(work.kept)
        counts = {key: count for key, count in work.counts.items() if count}
        return Shaped(work.table, kept, counts, work.left_out)

    def close(self) -> None:
        """Gives all memory back."""
        for group in self._groups:
            group.close()


def grouped(rules: Sequence[Rule]) -> Sequence[Sequence[Rule]]:
    """Rules in order, those together that may be asked together."""
    groups: list[list[Rule]] = []
    written: frozenset[str] = frozenset()
    for rule in rules:
        if not groups or rule.reads & written:
            groups.append([])
            written = frozenset()
        groups[-1].append(rule)
        written |= rule.writes
    return groups


class _Group:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._actions = [rule.make() for rule in rules]
        self._nodes = list(dict.fromkeys(rule.node for rule in rules if not is_everything(rule.node)))
        self._filters = Filters(MANY_ROWS) if self._nodes else None
        self._known: dict[str | None, Sequence[bool]] = {}

    def run(self, work: Work) -> None:
        wanted = self._wanted(work.table["service"].combine_chunks())
        if wanted is None:
            return
        matches = self._matches(work, wanted)
        for rule, action, rows in zip(self._rules, self._actions, wanted, strict=True):
            if rows is None:
                continue
            mask = rows & work.kept
            if not is_everything(rule.node):
                mask &= matches[rule.node]
            if mask.any():
                action.run(work, np.flatnonzero(mask))

    def close(self) -> None:
        if self._filters is not None:
            self._filters.close()

    def _wanted(self, services: pa.DictionaryArray) -> Sequence[Bools | None] | None:
        """For each rule the rows of its services, None where there is none; None when that is so for all."""
        names = [*services.dictionary.to_pylist(), None]
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        for name in names:
            if name not in self._known:
                self._known[name] = [rule.is_for(name) for rule in self._rules]
        of_name = np.array([self._known[name] for name in names], bool).T
        code = services.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
        there = np.bincount(code, minlength=len(names)) > 0
        if not (of_name & there).any():
            return None
        return [mask[code] if (mask & there).any() else None for mask in of_name]

    def _matches(self, work: Work, wanted: Sequence[Bools | None]) -> dict[object, Bools]:
        """By query the rows that match, of those that matter."""
        asked = np.zeros(len(work.kept), bool)
        for rule, rows in zip(self._rules, wanted, strict=True):
            if rows is not None and not is_everything(rule.node):
                asked |= rows
        asked &= work.kept
        if self._filters is None or not asked.any():
            return dict.fromkeys(self._nodes, asked)
        columns = frozenset[str]().union(*(rule.reads for rule in self._rules))
        table = work.table.select([name for name in work.table.column_names if name in columns or name == "service"])
        if not asked.all():
            table = table.filter(pa.array(asked))
        try:
            found = self._filters.match(table, self._nodes)
        except Failed as error:
            names = ", ".join(repr(rule.name) for rule in self._rules if not is_everything(rule.node))
            raise Failed(f"the query of a rule of {names} can't be evaluated: {error}") from error
        matches: dict[object, Bools] = {}
        for node, mask in found.items():
            whole = np.zeros(len(asked), bool)
            whole[asked] = mask
            matches[node] = whole
        return matches
