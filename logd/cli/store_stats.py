"""`logd store stats`: what the embedded index holds, by day and policy, or what a server says of all tiers."""

from __future__ import annotations

import argparse
import json

from logd.cli import connect, retention_usage, settings
from logd.errors import ConfigError


def run(args: argparse.Namespace) -> int:
    """Prints a table; the exit code."""
    if args.url or args.services:
        return retention_usage.show(connect.server(args), args.services, args.json)
    config = settings.load(args)
    if config.index.type != "segments":
        raise ConfigError(f"index.type is {config.index.type}, so the lines are not in data_dir: --url asks a server")
    import msgspec

    from logd.cli.tables import size, table
    from logd.roles.wiring import index_folder
    from logd.store.stats import by_day

    days = by_day(index_folder(config))
    if args.json:
        for day in days:
            print(json.dumps(msgspec.structs.asdict(day)))
        return 0
    rows = [["day", "policy", "segments", "rows", "size", "skip index", "bytes a line"]]
    for day in days:
        each = (day.bytes + day.skip_index_bytes) / max(1, day.rows)
        sizes = (size(day.bytes), size(day.skip_index_bytes), f"{each:.1f}")
        rows.append([day.day, day.policy, f"{day.segments:,}", f"{day.rows:,}", *sizes])
    print(table(rows, right="segments,rows,size,skip index,bytes a line"))
    count, stored = sum(day.rows for day in days), sum(day.bytes + day.skip_index_bytes for day in days)
    if days:
        first, last = _time(min(day.first_us for day in days)), _time(max(day.last_us for day in days))
        print(f"{count:,} rows in {size(stored)}, {stored / max(1, count):.1f} bytes a line, from {first} to {last}")
    else:
        print("nothing is stored yet")
    return 0


def _time(micros: int) -> str:
    from datetime import UTC, datetime, timedelta

    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros):%Y-%m-%dT%H:%M:%SZ}"
