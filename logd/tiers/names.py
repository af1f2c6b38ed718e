"""The names of the archive's objects.

    archive/policy=P/date=2026-11-22/hour=05/ID.parquet         records, which DuckDB, Spark, Athena and pandas read
    archive-index/policy=P/date=2026-11-22/hour=05/ID.skip      the file's skip index (store/skip_index.py)
    archive-manifests/partition=00003/00000000000000001234.json what became of a partition's messages from 1234 on
    archive-manifests/policy=P/date=2026-11-22/ID.json          which files replace which others, or segments

A manifest is written after the files that it names, and only what one names is part of the archive.
"""

from __future__ import annotations

from datetime import date, timedelta

DATA = "archive/"
SKIPS = "archive-index/"
MANIFESTS = "archive-manifests/"
_EPOCH = date(1970, 1, 1)


def folder_of(policy: str, day: int, hour: int) -> str:
    """Behind DATA and SKIPS, for records of an hour; days count from 1970."""
    return f"policy={policy}/date={_EPOCH + timedelta(days=day)}/hour={hour:02d}/"


def day_of(name: str) -> tuple[str, int]:
    """Policy and day of a file or skip index, by its name."""
    _, policy, day, _ = name.split("/", 3)
    return policy.removeprefix("policy="), (date.fromisoformat(day.removeprefix("date=")) - _EPOCH).days


def data_of(policy: str, day: int, hour: int, file_id: str) -> str:
    """Of a file."""
    return f"{DATA}{folder_of(policy, day, hour)}{file_id}.parquet"


def skip_of(data: str) -> str:
    """Of the skip index beside a file of this name."""
    return SKIPS + data.removeprefix(DATA).removesuffix(".parquet") + ".skip"


def stream_manifest(partition: int, start: int) -> str:
    """Of what came of a partition from a position on."""
    return f"{MANIFESTS}partition={partition:05d}/{start:020d}.json"


def day_manifest(policy: str, day: int, manifest_id: str) -> str:
    """Of what replaces files of a day."""
    return f"{MANIFESTS}policy={policy}/date={_EPOCH + timedelta(days=day)}/{manifest_id}.json"
