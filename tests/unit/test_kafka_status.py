"""What is asked of Kafka's brokers, while they are away."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, cast

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_status import status
from tests.support.process import free_port


class _Connection:
    """To where nobody listens."""

    options: dict[str, Any]

    def __init__(self) -> None:
        self.options = {"bootstrap_servers": f"127.0.0.1:{free_port()}", "request_timeout_ms": 1_000}


class _Admin:
    """Was answered just before the brokers went."""

    async def list_topics(self) -> list[str]:
        return []


async def test_a_consumer_that_could_not_start_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """It is asked every ten seconds: each would hold its connections, and say so when it is collected."""
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    with pytest.raises(KafkaError):
        await status(cast(Connection, _Connection()), cast(AIOKafkaAdminClient, _Admin()), [], "logd.")
    gc.collect()
    assert said == []
    caplog.clear()
