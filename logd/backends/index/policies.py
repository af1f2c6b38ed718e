"""Which retention policy keeps a record: the first whose patterns its service matches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from logd.config.schema import Policy

#: Of what no policy names.
DEFAULT = "DEFAULT"
#: Services whose policy is remembered; whoever has more of them pays for finding it out again.
_MOST_SERVICES = 100_000
Codes = np.ndarray[tuple[int], np.dtype[np.int64]]


class Assignment:
    """By the configuration's tables `[policies.NAME]`, in their order."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self.names = (DEFAULT, *policies)
        self._patterns = [_pattern(policy) for policy in policies.values()]
        self._known: dict[str | None, int] = {}

    def codes(self, services: pa.ChunkedArray) -> Codes:
        """For each row of a column of services the place of its policy in `names`. Costs by distinct services."""
        if not self._patterns or not len(services):
            return np.zeros(len(services), np.int64)
        column = services.unify_dictionaries().combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        # Rows without a service take the last one, which is the default's.
        of_each = np.array([*map(self._code, column.dictionary.to_pylist()), 0], np.int64)
        codes: Codes = of_each[column.indices.fill_null(len(of_each) - 1).to_numpy()]
        return codes

    def parted(self, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """The table's rows, parted by policy."""
        codes = self.codes(table["service"])
        found = np.unique(codes)
        for code in found:
            part = table if len(found) == 1 else table.take(pa.array(np.flatnonzero(codes == code)))
            yield self.names[code], part

    def _code(self, service: str | None) -> int:
        if (code := self._known.get(service)) is None:
            matches = (at for at, pattern in enumerate(self._patterns, 1) if pattern.fullmatch(service or ""))
            code = next(matches, 0) if service else 0
            if len(self._known) >= _MOST_SERVICES:
                self._known.clear()
            self._known[service] = code
        return code


#: Without any policy but the default.
ONE_POLICY = Assignment({})


def _pattern(policy: Policy) -> re.Pattern[str]:
    """`*` is any characters, `?` is one."""
    parts = [re.escape(service).replace(r"\*", ".*").replace(r"\?", ".") for service in policy.services]
    return re.compile("|".join(parts), re.DOTALL)
