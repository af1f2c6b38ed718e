"""The fixtures of the transport's suites: each test runs over each implementation in STORES."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from logd.seams import Transport
from tests.support.transports import STORES, Store


@pytest.fixture(params=sorted(STORES))
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Store:
    return STORES[kind](tmp_path)


@pytest.fixture
async def transport(store: Store) -> AsyncIterator[Transport]:
    opened = await store.open()
    yield opened
    await opened.close()
