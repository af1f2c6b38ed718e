"""A logd on a cluster: real engines, and the roles as conf/cluster ships them, of which only addresses, passwords and
folders are changed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from logd.backends.transport.kafka import KafkaTransport
from logd.config.schema import Kafka, Transport
from logd.roles.processor import GROUP
from logd.seams import RAW_LOGS
from tests.services import Running, running
from tests.services.elasticsearch import ask
from tests.support.access import Made, token
from tests.support.catalogs import new_catalog
from tests.support.commands import Done, logd
from tests.support.process import Server

CONF = Path(__file__).parents[2] / "conf" / "cluster"


class Cluster:
    """The engines, which a test may break, and servers over them. Use `cluster`."""

    def __init__(self, folder: Path, kafka: Running, elasticsearch: Running, mysql: Running, redis: Running) -> None:
        self.kafka = kafka
        self.elasticsearch = elasticsearch
        self.mysql = mysql
        self.redis = redis
        self._folder = folder
        catalog = new_catalog(mysql)
        self._environment: Mapping[str, str] = {
            "LOGD_TRANSPORT__KAFKA__SERVERS": kafka.url,
            "LOGD_INDEX__ELASTICSEARCH__URLS": elasticsearch.url,
            "LOGD_CATALOG__ADDRESS": catalog.address,
            "LOGD_CATALOG__DATABASE": catalog.database,
            "LOGD_CATALOG_PASSWORD": mysql.password,
            "LOGD_CACHE__URL": redis.url,
            "LOGD_OBJECTS__TYPE": "folder",
            "LOGD_TELEMETRY__LISTEN": "127.0.0.1:0",
        }

    def role(self, role: str, number: int = 1, files: tuple[Path, ...] = ()) -> Server:
        """A server of one role, not started. The data folder and the api's address are given to each."""
        environment = {"LOGD_CONFIG": str(CONF / f"{role}.toml"), **self._environment}
        return Server(self._folder / f"{role}-{number}", files=files, roles=role, environment=environment)

    def token(self, scope: str) -> Made:
        """Migrates the catalog and makes a token in it, as api.toml says how."""
        environment = {"LOGD_CONFIG": str(CONF / "api.toml"), **self._environment}
        done = logd("migrate", data_dir=self._folder / "command", environment=environment)
        assert done.code == 0, done
        return token(self._folder / "command", scope, environment=environment)

    def audit(self) -> Done:
        """`logd audit`, as a processor is configured."""
        environment = {"LOGD_CONFIG": str(CONF / "processor.toml"), **self._environment}
        return logd("audit", data_dir=self._folder / "command", environment=environment)

    def block(self, **blocks: bool) -> None:
        """Sets blocks of the indices of days that there are: `write`, `read_only_allow_delete`."""
        body = {f"index.blocks.{name}": value for name, value in blocks.items()}
        status, answer = ask(self.elasticsearch.port, "PUT", "/logs-2*/_settings", body)
        assert status == 200, answer

    def keep_blocks(self) -> None:
        """Elasticsearch looks at its disk each 30 s, and lifts the flood stage's block when there is room."""
        body = {"persistent": {"cluster.info.update.interval": "1h"}}
        status, answer = ask(self.elasticsearch.port, "PUT", "/_cluster/settings", body)
        assert status == 200, answer

    def documents(self, indices: str) -> int:
        """How many Elasticsearch has in indices of that pattern; 0 while it can't say."""
        status, answer = ask(self.elasticsearch.port, "GET", f"/{indices}/_count")
        return int(json.loads(answer)["count"]) if status == 200 else 0

    def shares(self) -> list[int]:
        """How many partitions each processor has, by the brokers; empty while they are handed out."""
        return asyncio.run(shares(self.kafka.url))

    def sent_again(self) -> int:
        """Of the chunks in Kafka those that were there before, by source and place."""
        return asyncio.run(_sent_again(self.kafka.url))


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Over three brokers, three nodes, a MariaDB and a Redis of its own."""
    kinds = {"kafka": 3, "elasticsearch": 3, "mysql": 1, "redis": 1}
    with ThreadPoolExecutor(len(kinds)) as threads, ExitStack() as stack:
        # At the same time; a server lives as long as the thread that started it, and these live as long as this.
        engines = {name: running(name, folder / name, members=members) for name, members in kinds.items()}
        starting = [threads.submit(engine.__enter__) for engine in engines.values()]
        for engine in engines.values():
            stack.callback(engine.kill)
        for one in starting:
            one.result()
        yield Cluster(folder, *engines.values())


async def shares(servers: str, group: str = GROUP) -> list[int]:
    """How many partitions each member of the group has; empty while they are handed out."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    (_, _, state, _, _, members, *_) = answer.groups[0]
    if state != "Stable":
        return []
    assigned = [ConsumerProtocolMemberAssignment.decode(member[4]).assignment for member in members]
    return sorted(sum(len(partitions) for _, partitions in of_topics) for of_topics in assigned)


async def _sent_again(servers: str) -> int:
    transport = await KafkaTransport.open(Transport(type="kafka", kafka=Kafka(servers=servers.split(","))))
    try:
        ends = (await transport.status())[RAW_LOGS]["next_positions"]
        follower = await transport.follow(RAW_LOGS, dict.fromkeys(map(int, ends), 0))
        seen: Counter[tuple[str, str]] = Counter()
        while seen.total() < sum(ends.values()):
            messages = await follower.fetch(10_000, 0.5)
            seen.update((message.headers["source-id"], message.headers["offset"]) for message in messages)
    finally:
        await transport.close()
    return seen.total() - len(seen)
