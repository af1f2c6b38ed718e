"""Rows of lines through the steps of a parser, until one understands them.

    rows ─ step 1 ─┬─ fields ──────────────────────────────────────────────┐
                   └─ the rest ─ step 2 ─┬─ fields ────────────────────────┤
                                         └─ the rest ─ … ─ as text ────────┴─ fields of every row

A step costs what its queries cost over the rows that come to it; there is no work by line in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.parse import adopt, text
from logd.parse.chains import JSON_WITHIN, Chain, Keyed, Plain, Taken
from logd.parse.columns import AS_TEXT, UNPARSED, Share
from logd.parse.forms import FORMS
from logd.parse.lines import Ints
from logd.parse.named import name_of
from logd.parse.objects import JsonLines, with_message
from logd.parse.pairs import LOGFMT_CERTAIN, Pairs
from logd.parse.patterns import Matcher, first_bytes, last_bytes, rest
from logd.parse.prepared import PreparedQuery
from logd.parse.spread import Spread
from logd.parse.window import Limits
from logd.parse.within import Within, as_lines, shared, timed

_NONE = np.zeros(0, np.int64)
_ADOPTING = ("late_text", "level", "service", "host", "message", "metadata")


class Done(msgspec.Struct, frozen=True):
    """The fields of all rows, in parts. `sure` are the i of those whose fields have names, or were declared; `unparsed`
    of those that no step of their parser understood; `shares` say who took which."""

    parts: Sequence[pa.Table]
    sure: Ints = _NONE
    unparsed: Ints = _NONE
    shares: Sequence[Share] = ()


class Steps:
    """Not thread-safe. `connections` has one of the same DuckDB instance for each time zone, "" is parse.timezone."""

    def __init__(
        self, connections: Mapping[str, duckdb.DuckDBPyConnection], limits: Limits, chains: Sequence[Chain]
    ) -> None:
        sql = connections[""]
        self._json = JsonLines(sql, limits)
        self._trim = PreparedQuery(sql, "trim", lambda rows: f"SELECT {text.MESSAGE} AS text FROM {rows}")
        self._text = PreparedQuery(sql, "text", lambda rows: text.query(rows, limits.max_ahead_seconds))
        self._logfmt = Pairs(sql, "logfmt")
        self._forms = [(form, Matcher(sql, f"form_{place}", form.pattern, limits)) for place, form in enumerate(FORMS)]
        self._matchers: dict[Taken, Matcher] = {}
        self._spread: dict[Taken, Spread] = {}
        self._pairs: dict[Keyed, Pairs] = {}
        self._adopt: dict[Keyed, PreparedQuery] = {}
        self._own_json: dict[Keyed, JsonLines] = {}
        self._within = Within(sql)
        for step in dict.fromkeys(step for chain in chains for step in chain.every_step()):
            self._prepare(step, connections, limits)

    def _prepare(self, step: object, connections: Mapping[str, duckdb.DuckDBPyConnection], limits: Limits) -> None:
        number = len(self._matchers) + len(self._pairs) + len(self._adopt)
        match step:
            case Taken(pattern, timezone, spread):
                self._matchers[step] = Matcher(connections[timezone], f"step_{number}", pattern, limits)
                if spread:
                    self._spread[step] = Spread(connections[""], f"spread_{number}", spread, self._logfmt)
            case Keyed(kind, delimiter, between, meaning, timezone):
                sql = connections[timezone]
                if kind == "key_value":
                    self._pairs[step] = Pairs(sql, f"pairs_{number}", delimiter, between)
                if roles := adopt.taken(meaning, timezone):
                    self._own_json[step] = JsonLines(
                        connections[""], limits, f"own_{number}_", adopt.left(meaning, roles)
                    )
                    self._adopt[step] = PreparedQuery(
                        sql, f"adopt_{number}", lambda source: adopt.query(source, meaning, roles, limits)
                    )

    def run(self, chain: Chain, rows: pa.Table) -> Done:
        """Through a parser's steps. What none of them understands is text."""
        rows = self._trimmed(rows)
        parts: list[pa.Table] = []
        sure: list[Ints] = []
        shares: list[Share] = []
        for step, name in zip(chain.steps, chain.step_names, strict=True):
            if len(rows) == 0:
                break
            table, came = None, rows
            match step:
                case Taken():
                    found = self._matchers[step].match(rows)
                    if found is not None:
                        table, rows = found.table, rest(rows, found.rows)
                        if step in self._spread:
                            table = self._spread[step].run(table)
                case Keyed():
                    table, rows = self._keyed(step, rows)
                case Plain(auto):
                    if auto:
                        done = self.auto(rows, parser=chain.name)
                    else:
                        done = Done([self._text.run(rows)], shares=[Share(chain.name, name, rows["i"].to_numpy())])
                    sure.append(done.sure)
                    return Done([*parts, *done.parts], _joined(sure), done.unparsed, [*shares, *done.shares])
            if table is not None and len(table):
                sure.append(table["i"].to_numpy())
                share = Share(chain.name, name, sure[-1])
                if isinstance(step, Taken | Keyed) and step.then is not None:
                    table, _, more = self._then(step.then, table, came, share, shown=_level_is_shown(step))
                    shares += more
                else:
                    shares.append(share)
                parts.append(table)
        unparsed = rows["i"].to_numpy()
        if len(rows):
            parts.append(self._text.run(rows))
            shares.append(Share(chain.name, UNPARSED, unparsed))
        return Done(parts, _joined(sure), unparsed, shares)

    def auto(self, rows: pa.Table, forms: pa.BooleanArray | None = None, parser: str = "") -> Done:
        """By what the lines look like. JSON, or meant to be, is told by its brace; `forms` are the rows that may be of
        one of the forms of plain lines, all if None."""
        is_json = begins_with_brace(rows["line"].combine_chunks())
        if bool(pc.all(is_json).as_py()):
            return self._objects(rows, parser)
        done = Done([])
        if bool(pc.any(is_json).as_py()):
            done = self._objects(rows.filter(is_json), parser)
        parts, shares = list(done.parts), list(done.shares)
        others = pc.invert(is_json)
        plain = rows.filter(others)
        if forms is not None:
            may = forms.filter(others)
            if not bool(pc.all(may).as_py()):
                whole = plain.filter(pc.invert(may))
                parts.append(self._text.run(whole))
                shares.append(Share(parser, AS_TEXT, whole["i"].to_numpy()))
                plain = plain.filter(may)
        found, named, within = self._by_form(plain, parser)
        parts += found
        shares += within
        return Done(parts, _joined([done.sure, named]), done.unparsed, shares)

    def _objects(self, rows: pa.Table, parser: str) -> Done:
        fields = self._json.parse(rows)
        sure, broken = fields.table["i"].to_numpy(), fields.broken["i"].to_numpy()
        shares = [Share(parser, "json", sure)]
        if len(broken) == 0:
            return Done([fields.table], sure, shares=shares)
        shares.append(Share(parser, UNPARSED, broken))
        return Done([fields.table, self._text.run(fields.broken)], sure, broken, shares)

    def _by_form(self, rows: pa.Table, parser: str) -> tuple[Sequence[pa.Table], Ints, Sequence[Share]]:
        """Each of the forms over the rows that begin as its lines do, then pairs, then text; the i of those whose time
        has a name: a form's often has no zone, where a container's record has one; and who took which."""
        if len(rows) == 0:
            return [], _NONE, []
        tables: list[pa.Table] = []
        shares: list[Share] = []
        named: list[Ints] = []
        rows = self._trimmed(rows)
        first = first_bytes(rows["text"].combine_chunks())
        begins = np.bincount(first, minlength=256)
        for form, matcher in self._forms:
            starts = np.fromiter(form.starts, np.int64)
            count = int(begins[starts].sum())
            if count == 0:
                continue
            here = np.isin(first, starts) if count < len(first) else None
            found = matcher.match(rows if here is None else rows.filter(pa.array(here)))
            if found is None:
                continue
            share = Share(parser, form.name, found.table["i"].to_numpy())
            shown = name_of("level", form.pattern.fields, form.pattern.meaning) is None
            table, own, more = self._then(JSON_WITHIN, found.table, rows, share, shown=shown)
            tables.append(table)
            named.append(own)
            shares += more
            left = np.ones(len(first), bool)
            matched = found.rows.to_numpy(zero_copy_only=False)
            left[slice(None) if here is None else here] = ~matched
            rows, first = rows.filter(pa.array(left)), first[left]
            if len(rows) == 0:
                return tables, _joined(named), shares
            begins = np.bincount(first, minlength=256)
        pairs = pc.match_substring_regex(rows["text"].combine_chunks(), LOGFMT_CERTAIN)
        if bool(pc.any(pairs).as_py()):
            table, _ = self._from_pairs(self._logfmt, self._json, rows.filter(pairs))
            tables.append(table)
            named.append(table["i"].to_numpy())
            shares.append(Share(parser, "logfmt", named[-1]))
            rows = rest(rows, pairs)
        if len(rows):
            tables.append(self._text.run(rows))
            shares.append(Share(parser, AS_TEXT, rows["i"].to_numpy()))
        return tables, _joined(named), shares

    def _then(
        self, then: Chain, table: pa.Table, rows: pa.Table, share: Share, shown: bool
    ) -> tuple[pa.Table, Ints, Sequence[Share]]:
        """`table`, which a step has made of `rows`, with what the steps of `then` find in its messages; the i of those
        whose time is from there; and the shares of both. Without JSON it costs a look at the messages' first bytes."""
        messages = table["message"].combine_chunks()
        if all(isinstance(step, Keyed) and step.type == "json" for step in then.steps):
            wanted = begins_with_brace(messages)
            if not bool(pc.any(wanted).as_py()):
                return table, _NONE, [share]
        else:
            wanted = pa.array(np.ones(len(table), bool))
        messages = messages.filter(wanted)
        came = rows.take(pc.index_in(table["i"].combine_chunks().filter(wanted), rows["i"].combine_chunks()))
        other = pc.not_equal(messages, came["text"])  # else the whole line is the message
        done = self.run(then, as_lines(came.filter(other), messages.filter(other.combine_chunks())))
        # What is no more than a text has no fields.
        found = [part for part in done.parts if len(part) and "metadata" in part.column_names]
        if not found:
            return table, _NONE, [share]
        within = pa.concat_tables(found, promote_options="default")
        return self._within.merged(table, within, shown), timed(within), shared(share, done.shares, within)

    def _keyed(self, step: Keyed, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The fields of those rows that the step understands, and the others."""
        lines = self._own_json.get(step, self._json)
        if step.type == "json":
            is_json = begins_with_brace(rows["line"].combine_chunks())
            if not bool(pc.any(is_json).as_py()):
                return rows.slice(0, 0), rows
            fields = lines.parse(rows.filter(is_json))
            left = pa.concat_tables([rest(rows, is_json), fields.broken])
            table, read = fields.table, rows.filter(is_json)
        else:
            table, left = self._from_pairs(self._pairs.get(step, self._logfmt), lines, rows)
            read = rows
            if step.type == "key_value" and len(table):
                # There may be more in the text than pairs: none of it goes.
                texts = rows["text"].take(pc.index_in(table["i"].combine_chunks(), rows["i"].combine_chunks()))
                table = table.set_column(table.schema.get_field_index("message"), "message", texts)
        if len(table) and step in self._adopt:
            table = self._adopted(self._adopt[step], table, read, read["line"] if step.type == "json" else None)
        return table, left.sort_by("i")

    def _from_pairs(self, pairs: Pairs, lines: JsonLines, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        objects = pairs.objects(rows["text"].combine_chunks())
        known = objects.is_valid()
        if not bool(pc.any(known).as_py()):
            return rows.slice(0, 0), rows
        some, objects = rows.filter(known), objects.filter(known)
        checked = pa.array(np.ones(len(some), bool))
        made = some.set_column(some.schema.get_field_index("line"), "line", objects)
        made = made.set_column(made.schema.get_field_index("checked"), "checked", checked)
        # As they are made, every one can be read: none is broken, and the order is that of the rows.
        table = with_message(lines.parse(made).table, pa.chunked_array([objects]), some["text"])
        return table, rest(rows, known)

    def _adopted(
        self, query: PreparedQuery, table: pa.Table, rows: pa.Table, lines: pa.ChunkedArray | None
    ) -> pa.Table:
        places = pc.index_in(table["i"].combine_chunks(), rows["i"].combine_chunks())
        columns = {
            "i": table["i"],
            "observed": rows["observed"].take(places),
            "line": pa.nulls(len(table), pa.string()) if lines is None else lines.take(places),
            "time": table["time"],
            **{
                name: _text_of(table, name) for name in ("late_text", "level", "service", "host", "message", "metadata")
            },
        }
        adopted = query.run(pa.table(columns))
        for name in ("trace_id", "log_id", "tags"):
            if name in table.column_names:
                adopted = adopted.append_column(name, table[name])
        return adopted

    def _trimmed(self, rows: pa.Table) -> pa.Table:
        """With a column `text`: the line without its ending."""
        if "text" in rows.column_names:
            return rows
        if not np.isin(last_bytes(rows["line"].combine_chunks()), (10, 13)).any():
            return rows.append_column("text", rows["line"])
        trimmed = self._trim.run(rows.select(["line"]))["text"].combine_chunks().cast(pa.string())
        return rows.append_column("text", trimmed)


def begins_with_brace(lines: pa.StringArray) -> pa.BooleanArray:
    """Lines whose first character, white space aside, is an opening brace: JSON, or meant to be."""
    first = first_bytes(lines)
    if not ((first == 32) | (first == 9)).any():
        return pa.array(first == ord("{"))
    return pc.starts_with(pc.utf8_ltrim(lines, " \t"), "{")


def _level_is_shown(step: Taken | Keyed) -> bool:
    """Whether its level is only one that shows in the text."""
    return isinstance(step, Taken) and name_of("level", step.pattern.fields, step.pattern.meaning) is None


def _text_of(table: pa.Table, name: str) -> pa.Array:
    return table[name] if name in table.column_names else pa.nulls(len(table), pa.string())


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else _NONE
