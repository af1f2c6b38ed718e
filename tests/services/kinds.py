"""The kinds of servers by name."""

from __future__ import annotations

from tests.services.elasticsearch import Elasticsearch
from tests.services.kafka import Kafka
from tests.services.mysql import MySQL
from tests.services.redis import Redis
from tests.services.s3 import S3
from tests.services.server import Kind

#: In the order in which they are started.
NAMES = ("kafka", "elasticsearch", "mysql", "redis", "s3")


def kind_of(name: str, members: int = 1) -> Kind:
    """Raises ValueError for a name that isn't in NAMES, or for more members than that kind has."""
    if members < 1:
        raise ValueError(f"a server has at least one process, not {members}")
    match name:
        case "kafka":
            return Kafka(members)
        case "elasticsearch":
            return Elasticsearch(members)
    if members != 1:
        raise ValueError(f"{name} is one process, not {members}")
    match name:
        case "mysql":
            return MySQL()
        case "redis":
            return Redis()
        case "s3":
            return S3()
    raise ValueError(f"no server {name!r}; there are {', '.join(NAMES)}")
