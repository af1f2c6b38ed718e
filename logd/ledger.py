"""The ledger: for each stage of the data path, in = out + what else became of it. Pure.

Counted durably, since the data folder was made, in the transactions that move the lines: by the transport (offered,
stored, left out), and by the index with its positions. Between a stage's end and the next one's beginning nothing is
lost, so a difference other than 0 means that something is: a bug, or a file that was changed by other hands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, in lines. `duplicates` had come before; `refused` are in dead-letters; `expired` were deleted by
    retention; `replayed` went from dead-letters into the transport once more, `removed` were deleted by hand; `damaged`
    are in files that were put aside; `unknown` were accounted for by a manifest that is lost; `in_flight` wait in the
    stage."""

    stage: str
    taken: int
    given: int
    duplicates: int = 0
    refused: int = 0
    expired: int = 0
    replayed: int = 0
    removed: int = 0
    damaged: int = 0
    unknown: int = 0
    in_flight: int = 0

    @property
    def difference(self) -> int:
        """What is missing; negative: what is too much."""
        gone = self.expired + self.replayed + self.removed + self.damaged + self.unknown
        return self.taken - self.given - self.duplicates - self.refused - gone - self.in_flight


class Topic(msgspec.Struct, frozen=True):
    """What the transport counted of a topic, in lines; `waiting` are those that the index hasn't durably."""

    appended: int = 0
    duplicates: int = 0
    expired: int = 0
    held: int = 0
    waiting: int = 0
    replayed: int = 0
    removed: int = 0


def entries(raw_logs: Topic, dead_letters: Topic, index: Mapping[str, int], rows: int) -> Sequence[Entry]:
    """The stages in the order in which lines pass them. `index` are the manifest's counts, `rows` what its segments
    hold."""

    def of(name: str) -> int:
        return index.get(name, 0)

    return (
        Entry(
            stage="transport",
            taken=raw_logs.appended + raw_logs.duplicates,
            given=of("lines_taken"),
            duplicates=raw_logs.duplicates,
            in_flight=raw_logs.waiting,
        ),
        Entry(
            stage="processor",
            taken=of("lines_taken"),
            given=of("rows_stored"),
            duplicates=of("rows_duplicate"),
            refused=of("lines_refused"),
            unknown=of("lines_unknown"),
        ),
        Entry(
            stage="index",
            taken=of("rows_stored"),
            given=rows,
            expired=of("rows_expired"),
            damaged=of("rows_quarantined"),
        ),
        Entry(
            stage="dead-letters",
            taken=dead_letters.appended,
            given=dead_letters.held,
            expired=dead_letters.expired,
            replayed=dead_letters.replayed,
            removed=dead_letters.removed,
        ),
    )
