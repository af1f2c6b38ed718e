"""Days of an Elasticsearch with hot and warm nodes, and what moves them: a real catalog in a file, an archive and a
stream that say what a test has them say, and a clock that a test moves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from logd.backends.catalog.leases import CatalogLeases
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tiering import CatalogTiering
from logd.backends.index.elasticsearch import ElasticsearchIndex
from logd.backends.index.elasticsearch_client import Client
from logd.backends.index.elasticsearch_names import IndexName, name_of
from logd.backends.index.elasticsearch_tiers import IndexTiers, StoredIndex
from logd.backends.index.policies import Assignment
from logd.config.schema import Elasticsearch as Settings
from logd.config.schema import Policy, SearchLimits
from logd.seams import Archived, Boundary
from logd.seams.retention import DEFAULT_POLICY, RetentionPolicy
from logd.tiers.moving.ground import Ground, Reached
from logd.tiers.moving.mover import Mover
from logd.tiers.policy import Retention
from tests.support.elastic import Buried, delete_all
from tests.support.indexes import ids
from tests.support.process import PATIENCE_SECONDS
from tests.support.rows import DAY_US, Row, batch, row

#: A day in 2024.
D = 20_000
#: Today, at first.
TODAY = D + 2


def settings_of(url: str, replicas: int = 0) -> Settings:
    """Of a cluster with one hot node."""
    return Settings(urls=url.split(","), shards=1, replicas=replicas, timeout_seconds=120)


@dataclass
class Outside:
    """What a mover hears of others: the stream's ends, and how far processors and the archive are; the archive's rows,
    None where its hours aren't compacted; ages of policies; disks; and the time."""

    ends: dict[int, int] = field(default_factory=lambda: {0: 10, 1: 20})
    processed: dict[int, int] = field(default_factory=lambda: {0: 10, 1: 20})
    archived: dict[int, int] = field(default_factory=lambda: {0: 10, 1: 20})
    rows: dict[tuple[str, int], int | None] = field(default_factory=dict)
    policies: list[RetentionPolicy] = field(
        default_factory=lambda: [RetentionPolicy(name=DEFAULT_POLICY, hot_days=1, warm_days=3)]
    )
    held: bool = False
    disk_percent: float = 10.0
    today: int = TODAY
    now_us: int = TODAY * DAY_US

    def ages(self, hot_days: int, warm_days: int, cold_days: int = 0, name: str = DEFAULT_POLICY) -> None:
        """A policy's, from now on."""
        kept = [one for one in self.policies if one.name != name]
        one = RetentionPolicy(name=name, hot_days=hot_days, warm_days=warm_days, cold_days=cold_days)
        self.policies = [*kept, one]

    async def retention(self) -> Retention:
        return Retention({}, self.policies)

    async def reached(self) -> Reached:
        return Reached(self.ends, self.processed, self.archived)

    async def archived_rows(self, policy: str, day: int) -> int | None:
        return self.rows.get((policy, day), 0)

    async def is_held(self, policy: str, day: int) -> bool:
        return self.held

    async def disk(self) -> float:
        return self.disk_percent


class World:
    """The indices of a cluster, of which there are none at first, and a mover of them."""

    def __init__(self, url: str, file: SqliteFile, client: Client, index: ElasticsearchIndex, outside: Outside) -> None:
        self.url = url
        self.client = client
        self.index = index
        self.outside = outside
        self.indices = IndexTiers(client)
        self.tiering = CatalogTiering(file)
        self.leases = CatalogLeases(file)
        self.ground = Ground(
            self.indices,
            self.tiering,
            self.leases,
            outside.retention,
            outside.reached,
            outside.archived_rows,
            outside.is_held,
            outside.disk,
            lambda: outside.today,
            lambda: outside.now_us,
        )
        self.mover = self.another("one")

    @classmethod
    async def open(cls, url: str, folder: Path, *names: str, clear: bool = True) -> World:
        """Records of the services in `names` are of a policy of that name."""
        settings = settings_of(url)
        client = Client(settings)
        if clear:
            await delete_all(client)
        policies = Assignment({name: Policy(services=[name]) for name in names})
        index = await ElasticsearchIndex.open(settings, SearchLimits(deadline_seconds=120), Buried(), policies)
        return cls(url, await SqliteFile.open(folder / "catalog.db"), client, index, Outside())

    def another(self, owner: str) -> Mover:
        """A mover of another process."""
        return Mover(self.ground, owner, warm_replicas=0, high_water_percent=85, lease_seconds=300)

    async def write(self, *rows: Row) -> None:
        """Which all are stored."""
        assert (await self.index.write(batch(list(rows), 1))).refused == 0

    async def day(self, day: int, count: int = 5, service: str = "web", first: int = 0) -> None:
        """So many records of a day."""
        names = range(first, first + count)
        await self.write(*(row(day * DAY_US + n, f"{service} {day} {n}", service=service) for n in names))

    async def settle(self, mover: Mover | None = None) -> None:
        """Until nothing more happens; what leaves does so at once."""
        mover, still = mover or self.mover, 0
        for _ in range(int(PATIENCE_SECONDS * 20)):
            still = 0 if await mover.step() else still + 1
            self.outside.now_us += 31_000_000
            if still == 2:
                return
        raise AssertionError(f"it goes on: {mover.status()}")

    async def stored(self) -> dict[str, StoredIndex]:
        """By name."""
        return {one.name: one for one in await self.indices.all()}

    async def nodes(self, name: str) -> set[str]:
        """Where its shards are."""
        shards = json.loads(await self.client.ask("GET", f"/_cat/shards/{name}", parameters={"format": "json"}))
        return {shard["node"] for shard in shards}

    async def boundary(self, policy: str = DEFAULT_POLICY) -> Boundary:
        """As every process knows it."""
        found = [one for one in await self.tiering.boundaries() if one.policy == policy]
        return found[0] if found else Boundary(policy=policy)

    async def moves(self) -> list[tuple[str, int, str]]:
        """The oldest first."""
        return [(one.policy, one.day, one.what) for one in reversed(await self.tiering.moves(1_000))]

    async def found(self) -> list[str]:
        """The ids that a search of the index finds beside the archive."""
        archived: Archived = {one.policy: one.cold_before for one in await self.tiering.boundaries()}
        await self.index.refresh()
        return sorted(await ids(self.index, archived=archived, limit=1_000))

    async def close(self) -> None:
        """Deletes the indices."""
        await delete_all(self.client)
        await self.index.close()
        await self.client.close()
        await self.tiering.close()


def own(day: int, policy: str = DEFAULT_POLICY) -> str:
    """The name of its index."""
    return name_of(IndexName(policy, day))


def late(day: int, number: int = 1, policy: str = DEFAULT_POLICY) -> str:
    """The name of its late one."""
    return name_of(IndexName(policy, day, number))


def reasons(status: Mapping[str, Any]) -> list[str]:
    """Why days stay."""
    return [one["why"] for one in status["waiting"]]
