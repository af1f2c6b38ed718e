"""Lines into records: the vectorised plan that every role runs over joined chunks.

    chunks ─ join ─ unwrap ─ which parser ─┬─ a configured one: its steps ────────────────┬─ assemble ── record.SCHEMA
                                           └─ none: JSON, the known forms of lines, text ─┘

Per line there is only native code; Python runs per batch, per chunk, and per broken line.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from logd.chunk import SYSLOG, TEXT, Chunk, Positions
from logd.errors import ConfigError
from logd.parse import level, timestamp
from logd.parse.chains import Chain, Keyed, Taken, chooser
from logd.parse.columns import AS_TEXT, NDJSON, Assembler, Parsed, Share
from logd.parse.kinds import KINDS, kinds
from logd.parse.lines import Ints, Lines, join
from logd.parse.steps import Done, Steps
from logd.parse.window import Limits
from logd.parse.wrapping import Unwrapped, Unwrapper
from logd.record import SCHEMA

_TIME = pa.timestamp("us", tz="UTC")


class Parser:
    """Not thread-safe: one for each thread that parses. Owns a DuckDB instance, apart from the search's."""

    def __init__(
        self,
        timezone: str = "UTC",
        limits: Limits | None = None,
        memory_bytes: int = 512 * 1024 * 1024,
        chains: Sequence[Chain] = (),
    ) -> None:
        limits = limits or Limits()
        self._chains = chains
        self._choose = chooser(chains)
        self._sql = duckdb.connect(config={"threads": 1, "memory_limit": f"{memory_bytes}B"})
        try:
            self._sql.execute(f"SET TimeZone = '{timezone}'")
        except duckdb.Error as error:
            raise ConfigError(f"parse.timezone is {timezone!r}, expected an IANA name that DuckDB knows") from error
        for macro in (*timestamp.MACROS, *level.MACROS):
            self._sql.execute(macro)
        self._unwrapper = Unwrapper(self._sql)
        self._assembler = Assembler(self._sql, limits)
        self._steps = Steps({"": self._sql, **self._zoned(chains)}, limits, chains)

    def _zoned(self, chains: Sequence[Chain]) -> dict[str, duckdb.DuckDBPyConnection]:
        """A connection for each time zone that a step names."""
        zones = {
            step.timezone for chain in chains for step in chain.every_step() if isinstance(step, Taken | Keyed)
        } - {""}
        connections = {}
        for zone in sorted(zones):
            connections[zone] = self._sql.cursor()
            connections[zone].execute(f"SET TimeZone = '{zone}'")
        return connections

    def usable(self) -> bool:
        """Whether the instance answers at all: after an internal error it never does again."""
        try:
            self._sql.execute("SELECT 1").fetchall()
        except duckdb.Error:
            return False
        return True

    def close(self) -> None:
        """Gives the instance's memory back."""
        self._sql.close()

    def parse(self, chunks: Sequence[Chunk], taken_us: Sequence[int]) -> Parsed:
        """A record for each line of the chunks, in order; `taken_us[i]` is when the transport took chunk i.

        The same chunks give the same records, always. Raises Corrupt when a chunk can't be read."""
        lines = join(chunks) if chunks else None
        if not lines:
            return Parsed(SCHEMA.empty_table(), None, 0, 0, 0)
        chosen = [self._choose(chunk.service, chunk.source, chunk.content_type) for chunk in chunks]
        found, must = kinds(chunks, lines, [self._chains[place] if place >= 0 else None for place in chosen])
        unwrapped = self._unwrapper.unwrap(chunks, lines, found)
        if unwrapped is not None:
            lines = unwrapped.lines
        parser = np.array(chosen, np.int64)[lines.chunk]
        if self._chains and unwrapped is not None and "service" in unwrapped.said:
            parser = self._of_services(chunks, lines, unwrapped, parser)
        rows = _rows(chunks, lines)
        done = self._run(chunks, lines, rows, parser, found)
        table = done.parts[0] if len(done.parts) == 1 else _in_order(done.parts)
        unparsed = np.zeros(len(lines), bool)
        unparsed[done.unparsed] = True
        ndjson = np.array([chunk.content_type == NDJSON for chunk in chunks], bool)
        sure = np.zeros(len(lines), bool)
        sure[done.sure] = True
        if ndjson.any():
            unparsed |= ndjson[lines.chunk] & ~sure & (parser < 0)  # a step of a parser has said so itself
        if unwrapped is None:
            parsed = self._assembler.assemble(table, chunks, lines, taken_us, unparsed)
        else:
            table = unwrapped.beside(table, pa.array(sure))
            unparsed |= unwrapped.broken & (must > 0)
            parsed = self._assembler.assemble(table, chunks, lines, taken_us, unparsed, unwrapped.metadata)
        shares = done.shares if unwrapped is None else _of_syslog(done.shares, found, unwrapped)
        return msgspec.structs.replace(parsed, shares=tuple(shares))

    def _run(self, chunks: Sequence[Chunk], lines: Lines, rows: pa.Table, parser: Ints, found: Ints) -> Done:
        """The fields of every row, by its parser."""
        parsers = np.unique(parser)
        dones = []
        for place in parsers.tolist():
            mask = parser == place
            some = rows if len(parsers) == 1 else rows.filter(pa.array(mask))
            if place >= 0:
                dones.append(self._steps.run(self._chains[place], some))
                continue
            # What a message of syslog says is JSON or a text: its head has told already what a form would.
            forms = np.array([_has_forms(chunk) for chunk in chunks], bool)[lines.chunk] & (
                found != KINDS.index(SYSLOG)
            )
            dones.append(self._steps.auto(some, None if forms.all() else pa.array(forms[mask])))
        if len(dones) == 1:
            return dones[0]
        return Done(
            [part for done in dones for part in done.parts],
            np.concatenate([done.sure for done in dones]),
            np.concatenate([done.unparsed for done in dones]),
            [share for done in dones for share in done.shares],
        )

    def _of_services(self, chunks: Sequence[Chunk], lines: Lines, unwrapped: Unwrapped, parser: Ints) -> Ints:
        """The parsers, now that the wrapping has said whose lines they are."""
        said = unwrapped.said["service"].dictionary_encode()
        if not len(said.dictionary):
            return parser
        services = said.dictionary.to_pylist()
        codes = said.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        pairs, of_line = np.unique(lines.chunk * np.int64(len(services) + 1) + codes + 1, return_inverse=True)
        chosen = []
        for pair in pairs.tolist():
            chunk, code = chunks[pair // (len(services) + 1)], pair % (len(services) + 1) - 1
            service = services[code] if code >= 0 and not chunk.service_locked else chunk.service
            chosen.append(self._choose(service, chunk.source, chunk.content_type))
        return np.array(chosen, np.int64)[of_line]


def _has_forms(chunk: Chunk) -> bool:
    """Lines that are text, or in a container's record; not those that are to be JSON."""
    return chunk.content_type == TEXT or chunk.content_type in KINDS[1:]


def _of_syslog(shares: Sequence[Share], found: Ints, unwrapped: Unwrapped) -> Sequence[Share]:
    """A text with a syslog message's header is no mere text."""
    headed = (found == KINDS.index(SYSLOG)) & unwrapped.metadata.is_valid().to_numpy(zero_copy_only=False)
    split: list[Share] = []
    for share in shares:
        here = headed[share.rows] if share.step == AS_TEXT else np.zeros(len(share.rows), bool)
        split.append(Share(share.parser, share.step, share.rows[~here]))
        if here.any():
            split.append(Share(share.parser, "syslog", share.rows[here]))
    return split


def _in_order(parts: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(map(_in_utc, parts), promote_options="default").sort_by("i")


def _in_utc(part: pa.Table) -> pa.Table:
    """A step's own time zone is in the type of its times."""
    if part["time"].type == _TIME:
        return part
    return part.set_column(part.schema.get_field_index("time"), "time", part["time"].cast(_TIME))


def _rows(chunks: Sequence[Chunk], lines: Lines) -> pa.Table:
    of_line = pa.array(lines.chunk)
    observed = pa.array([chunk.observed_us for chunk in chunks], pa.int64()).cast(_TIME)
    takes_ids = pa.array([chunk.positions is Positions.LINE for chunk in chunks], pa.bool_())
    return pa.table(
        {
            "i": pa.array(np.arange(len(lines))),
            "line": lines.text,
            "observed": observed.take(of_line),
            "takes_ids": takes_ids.take(of_line),
            "checked": pa.array(np.zeros(len(lines), bool)),
        }
    )
