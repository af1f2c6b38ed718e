"""What an index folder holds, by day and policy: from its manifest alone, beside a running server or without one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from logd.store.folder import MANIFEST
from logd.store.manifest import Manifest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Day(msgspec.Struct, kw_only=True):
    """The segments of a day (UTC) and a policy. Bytes are those of files; times are Unix µs, those of the first and
    last row."""

    day: str
    policy: str
    segments: int = 0
    rows: int = 0
    bytes: int = 0
    skip_index_bytes: int = 0
    first_us: int = 0
    last_us: int = 0


def by_day(root: Path) -> Sequence[Day]:
    """By day, then policy; rows that are only in memory yet aren't in it. Raises ConfigError when the manifest can't be
    read."""
    with contextlib.closing(Manifest.open_to_read(root / MANIFEST)) as manifest:
        segments = manifest.segments()
    days: dict[tuple[int, str], Day] = {}
    for one in segments:
        name = (_EPOCH + timedelta(days=one.day)).date().isoformat()
        day = days.setdefault(
            (one.day, one.policy), Day(day=name, policy=one.policy, first_us=one.min_us, last_us=one.max_us)
        )
        day.segments += 1
        day.rows += one.rows
        day.bytes += one.size_bytes
        day.skip_index_bytes += one.skip_bytes
        day.first_us, day.last_us = min(day.first_us, one.min_us), max(day.last_us, one.max_us)
    return [days[key] for key in sorted(days)]
