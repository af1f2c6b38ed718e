"""The ledger: for each stage of the data path, in = out + what else became of it. Pure.

Counted durably, since the data folder was made, in the transactions that move the lines: by the transport (offered,
stored, left out), and by the index with its positions. Between a stage's end and the next one's beginning nothing is
lost, so a difference other than 0 means that something is: a bug, or a file that was changed by other hands.

On a cluster the processors count, in their commits to Kafka, what became of the lines; Kafka itself counts messages.
What was stored by a processor that was killed before its commit is found there by the next one, as duplicates, or is
left out by it, where shedding has set in meanwhile: so many documents may be there, uncounted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from logd.seams import NOTHING, Tally


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, in lines. `duplicates` had come before; `refused` are in dead-letters; `dropped` and `sampled` were
    left out by rules of shaping; `expired` were deleted by retention; `archived` are in the archive alone;
    `replayed` went from dead-letters into the
    transport once more, `removed` were deleted by hand; `damaged` are in files that were put aside; `unknown` were
    accounted for by a manifest that is lost; `in_flight` wait in the stage; `uncounted` were given too, and are among
    the duplicates or what was shed, or still under way."""

    stage: str
    taken: int
    given: int
    duplicates: int = 0
    refused: int = 0
    dropped: int = 0
    sampled: int = 0
    expired: int = 0
    archived: int = 0
    replayed: int = 0
    removed: int = 0
    damaged: int = 0
    unknown: int = 0
    in_flight: int = 0
    uncounted: int = 0

    @property
    def difference(self) -> int:
        """What is missing; negative: what is too much."""
        gone = self.expired + self.archived + self.replayed + self.removed + self.damaged + self.unknown
        shaped = self.dropped + self.sampled
        left = self.taken + self.uncounted - self.given - self.duplicates - self.refused
        return left - shaped - gone - self.in_flight


class Topic(msgspec.Struct, frozen=True):
    """What the transport counted of a topic, in lines; `waiting` are those that the index hasn't durably."""

    appended: int = 0
    duplicates: int = 0
    expired: int = 0
    held: int = 0
    waiting: int = 0
    replayed: int = 0
    removed: int = 0


class Group(msgspec.Struct, frozen=True):
    """What Kafka has of the processors, in messages: `passed` since the group was made, of which `lost` were deleted
    before they were read, and `waiting`. Their `tally` is in lines."""

    passed: int = 0
    lost: int = 0
    waiting: int = 0
    tally: Tally = NOTHING


def of_kafka(group: Group) -> Entry:
    """The first stage there, in messages."""
    return Entry(
        stage="transport, in messages",
        taken=group.passed + group.waiting,
        given=group.passed - group.lost,
        expired=group.lost,
        in_flight=group.waiting,
    )


def of_remote_index(group: Group, documents: int, settled: bool) -> Sequence[Entry]:
    """The stages behind it, where the processors count. `documents` were there a moment after what `group` says, with
    nothing between them if it is `settled`."""
    tally = group.tally
    possible = tally.duplicates + tally.shed if settled else documents
    return (
        Entry(
            stage="processor",
            taken=tally.taken,
            given=tally.stored,
            duplicates=tally.duplicates,
            refused=tally.refused,
            dropped=tally.dropped,
            sampled=tally.sampled,
        ),
        Entry(
            stage="index",
            taken=tally.stored,
            given=documents,
            uncounted=max(0, min(documents - tally.stored, possible)),
        ),
    )


def of_own_index(index: Mapping[str, int], rows: int) -> Sequence[Entry]:
    """The stages behind any transport, where the index counts. `index` are the manifest's counts, `rows` what its
    segments hold."""

    def of(name: str) -> int:
        return index.get(name, 0)

    return (
        Entry(
            stage="processor",
            taken=of("lines_taken"),
            given=of("rows_stored"),
            duplicates=of("rows_duplicate"),
            refused=of("lines_refused"),
            dropped=of("lines_dropped"),
            sampled=of("lines_sampled"),
            unknown=of("lines_unknown"),
        ),
        Entry(
            stage="index",
            taken=of("rows_stored"),
            given=rows,
            expired=of("rows_expired"),
            archived=of("rows_archived"),
            damaged=of("rows_quarantined"),
        ),
    )


def entries(raw_logs: Topic, dead_letters: Topic, index: Mapping[str, int], rows: int) -> Sequence[Entry]:
    """All stages on one machine, in the order in which lines pass them."""
    return (
        Entry(
            stage="transport",
            taken=raw_logs.appended + raw_logs.duplicates,
            given=index.get("lines_taken", 0),
            duplicates=raw_logs.duplicates,
            in_flight=raw_logs.waiting,
        ),
        *of_own_index(index, rows),
        Entry(
            stage="dead-letters",
            taken=dead_letters.appended,
            given=dead_letters.held,
            expired=dead_letters.expired,
            replayed=dead_letters.replayed,
            removed=dead_letters.removed,
        ),
    )
