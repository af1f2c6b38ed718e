"""Which retention policy keeps a record: by its service, and by the versions of policies that were in force when it was
taken in. So whoever asks, and whenever, says the same of a record.

The configuration's policies come first, in their order, at all times. Of the catalog's the most specific pattern
counts: a name before patterns, then more characters that are neither `*` nor `?`, then the policy's name.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.config.schema import Policy
from logd.seams.retention import DEFAULT_POLICY, RetentionPolicy

#: Of what no policy names.
DEFAULT = DEFAULT_POLICY
#: Services whose policy is remembered; whoever has more of them pays for finding it out again.
_MOST_SERVICES = 100_000
_WILDCARD = re.compile(r"[*?]")
Codes = np.ndarray[tuple[int], np.dtype[np.int64]]


class Assignment:
    """By the configuration's tables `[policies.NAME]`, and what it was told of the catalog's. One thread may tell it,
    with `learn`, while others ask."""

    def __init__(self, policies: Mapping[str, Policy] | None = None, history: Sequence[RetentionPolicy] = ()) -> None:
        named = {name: tuple(policy.services) for name, policy in (policies or {}).items() if policy.services}
        self._configured = [(_Patterns.of(services), at) for at, services in enumerate(named.values(), 1)]
        #: Names are added at the end only: a code means the same for ever.
        self.names: tuple[str, ...] = (DEFAULT, *named)
        self._eras = _Eras((), (_Era(self._configured, ()),))
        if history:
            self.learn(history)

    def learn(self, history: Sequence[RetentionPolicy]) -> None:
        """Every version of the catalog's policies from now on, in place of what it was told before. May take long for
        thousands of patterns."""
        known = dict.fromkeys((*self.names, *(version.name for version in history)))
        self.names = tuple(known)
        codes = {name: code for code, name in enumerate(known)}
        starts, eras, last = [], [], None
        for at_us, versions in _in_force(history):
            named = tuple((version.services, version.name) for version in versions)
            if named == last:
                continue  # only days were changed
            last = named
            found = [(_Patterns.of(services), codes[name]) for services, name in named]
            starts.append(at_us)
            eras.append(_Era(self._configured, found))
        self._eras = _Eras(tuple(starts), (_Era(self._configured, ()), *eras))

    def codes(self, table: pa.Table) -> Codes:
        """For each row the place of its policy in `names`, as they are afterwards, by its columns service and
        ingested_at. Costs by distinct services."""
        eras = self._eras
        if not len(table) or not eras.have_patterns:
            return np.zeros(len(table), np.int64)
        column = table["service"].unify_dictionaries().combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        services = column.dictionary.to_pylist()
        # Rows without a service take the last one, which is the default's.
        places = column.indices.fill_null(len(services)).to_numpy()
        first, after = eras.between(table["ingested_at"]) if eras.starts else (0, 1)
        of_each = np.array([[*map(era.code, services), 0] for era in eras.eras[first:after]], np.int64)
        if after - first == 1:
            codes: Codes = of_each[0][places]
            return codes
        times = table["ingested_at"].cast(pa.int64()).to_numpy()
        rows = np.searchsorted(np.array(eras.starts[first : after - 1], np.int64), times, "right")
        return of_each[rows, places]  # type: ignore[no-any-return]

    def parted(self, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """The table's rows, parted by policy."""
        codes = self.codes(table)
        names = self.names
        found = np.unique(codes)
        for code in found:
            part = table if len(found) == 1 else table.take(pa.array(np.flatnonzero(codes == code)))
            yield names[code], part


class _Eras:
    """What was in force when: `eras` has one more than `starts`, what was before all of them."""

    def __init__(self, starts: tuple[int, ...], eras: tuple[_Era, ...]) -> None:
        self.starts = starts
        self.eras = eras
        self.have_patterns = any(era.has_patterns for era in eras)

    def between(self, times: pa.ChunkedArray) -> tuple[int, int]:
        """From the first to before the second of `eras` these times are."""
        bounds = pc.min_max(times.cast(pa.int64()))
        first = bisect.bisect_right(self.starts, bounds["min"].as_py())
        return first, bisect.bisect_right(self.starts, bounds["max"].as_py()) + 1


class _Era:
    """Policies that are in force at the same time."""

    def __init__(self, configured: Sequence[tuple[_Patterns, int]], catalogs: Sequence[tuple[_Patterns, int]]) -> None:
        """Each with its code; the catalog's by their names."""
        self._configured = configured
        self._catalogs = catalogs
        self.has_patterns = bool(configured or catalogs)
        self._known: dict[str | None, int] = {}

    def code(self, service: str | None) -> int:
        """Of a service's policy; 0 for none."""
        if (code := self._known.get(service)) is None:
            code = self._found(service) if service else 0
            if len(self._known) >= _MOST_SERVICES:
                self._known.clear()
            self._known[service] = code
        return code

    def _found(self, service: str) -> int:
        for patterns, code in self._configured:
            if patterns.match(service):
                return code
        best, found = (-1, -1), 0
        for patterns, code in self._catalogs:
            if patterns.match(service) and (fit := patterns.fit(service)) > best:
                best, found = fit, code
        return found


class _Patterns:
    """Of one policy: `*` is any characters, `?` is one."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._names = frozenset(pattern for pattern in patterns if not _WILDCARD.search(pattern))
        #: The most specific first.
        self._wild = sorted(
            (pattern for pattern in patterns if pattern not in self._names), key=_literals, reverse=True
        )
        self._any = re.compile("|".join(map(_expression, self._wild)), re.DOTALL) if self._wild else None

    @staticmethod
    @functools.lru_cache(maxsize=1_000)
    def of(patterns: tuple[str, ...]) -> _Patterns:
        """A policy mostly has the patterns that its last version had."""
        return _Patterns(patterns)

    def match(self, service: str) -> bool:
        """Whether one of them does."""
        return service in self._names or (self._any is not None and self._any.fullmatch(service) is not None)

    def fit(self, service: str) -> tuple[int, int]:
        """How specific that one is which matches; the most is the best."""
        if service in self._names:
            return 1, len(service)
        matching = (one for one in self._wild if re.compile(_expression(one), re.DOTALL).fullmatch(service))
        return 0, _literals(next(matching))


#: Without any policy but the default.
ONE_POLICY = Assignment()


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _literals(pattern: str) -> int:
    return len(_WILDCARD.sub("", pattern))


def _in_force(history: Sequence[RetentionPolicy]) -> Iterator[tuple[int, list[RetentionPolicy]]]:
    """From when on, which versions, by name; until the next. Those without a service match nothing."""
    changes: dict[int, list[RetentionPolicy]] = {}
    for version in history:
        if version.services and (version.until_us is None or version.until_us > version.from_us):
            changes.setdefault(version.from_us, []).append(version)
            if version.until_us is not None:
                changes.setdefault(version.until_us, []).append(version)
    now: dict[tuple[str, int], RetentionPolicy] = {}
    for at_us in sorted(changes):
        for version in changes[at_us]:
            key = (version.name, version.version)
            if at_us == version.from_us:
                now[key] = version
            else:
                now.pop(key, None)
        yield at_us, [now[key] for key in sorted(now)]
