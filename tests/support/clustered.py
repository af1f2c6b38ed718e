"""Settings of a logd over real servers instead of one machine's own files."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.services import Running
from tests.support.catalogs import new_catalog
from tests.support.commands import logd

Settings = dict[str, Any]


def over_kafka_and_mysql(
    folder: Path, kafka: Running, mysql: Running, more: Mapping[str, Any]
) -> tuple[Settings, dict[str, str]]:
    """The settings with a queue and a catalog that nobody else has, and the environment; the tables are made."""
    catalog = new_catalog(mysql)
    settings = {
        "transport.type": "kafka",
        "transport.kafka.servers": kafka.url,
        "transport.kafka.prefix": f"test-{uuid.uuid4().hex[:12]}.",
        "transport.kafka.partitions": 6,
        "transport.kafka.replication": 1,
        "catalog.type": "mysql",
        "catalog.address": catalog.address,
        "catalog.database": catalog.database,
        **more,
    }
    environment = {"LOGD_CATALOG_PASSWORD": mysql.password}
    options = [text for name, value in settings.items() for text in ("--set", f"{name}={value}")]
    done = logd("migrate", *options, data_dir=folder / "command", environment=environment)
    assert done.code == 0, done
    return settings, environment


def over_elasticsearch_and_redis(elasticsearch: Running, redis: Running) -> Settings:
    """Whoever uses them deletes the indices afterwards."""
    return {
        "index.type": "elasticsearch",
        "index.elasticsearch.urls": json.dumps([elasticsearch.url]),
        "index.elasticsearch.replicas": 0,
        "index.elasticsearch.shards": 1,
        "index.elasticsearch.refresh_seconds": 0.1,
        "cache.type": "redis",
        "cache.url": f"redis://127.0.0.1:{redis.port}",
    }
