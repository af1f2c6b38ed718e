"""The fixtures of the transport's suites: each test runs over each implementation in STORES, but where it is marked
`only`, with the reason why the guarantee isn't one of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from logd.seams import Transport
from tests.support.transports import STORES, Store


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Over which implementations a test runs."""
    if "kind" in metafunc.fixturenames:
        kinds = set(STORES)
        for mark in metafunc.definition.iter_markers("only"):
            assert mark.kwargs["reason"], "a difference has a reason"
            kinds &= set(mark.args)
        metafunc.parametrize("kind", sorted(kinds))


@pytest.fixture
def store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    if kind == "kafka":
        request.getfixturevalue("kafka")
    return STORES[kind](tmp_path)


@pytest.fixture
async def transport(store: Store) -> AsyncIterator[Transport]:
    opened = await store.open()
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def kafka() -> str:
    import os

    return os.environ.setdefault("LOGD_TEST_KAFKA", "127.0.0.1:29092")
