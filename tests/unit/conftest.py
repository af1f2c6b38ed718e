"""What tests of a followed file begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import agent
from tests.support.agent import Driver, Start, config_of
from tests.support.copied import LONG, Copied


@pytest.fixture(params=["poll", "auto"])
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """`agent.watch` of every agent of the test, which runs with both."""
    monkeypatch.setattr(agent, "WATCH", request.param)
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path, watch: str) -> Iterator[Start]:
    """Starts an agent with these settings on `logs`/*.log."""
    drivers: list[Driver] = []

    def begin(**settings: Any) -> Driver:
        drivers.append(Driver(config_of(tmp_path, **settings)))
        return drivers[-1]

    yield begin
    for driver in drivers:
        driver.crash()


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """`logs`/app.log, which isn't there yet."""
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "app.log"


@pytest.fixture(params=["app.log", "app.log*"])
def logs(watch: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Copied]:
    """app.log, which is copied and truncated, followed by its name and by a glob of its copies too."""
    found = Copied(tmp_path, (request.param,))
    yield found
    found.agent.crash()


@pytest.fixture(params=["short", LONG], ids=["short", "long"])
def first(request: pytest.FixtureRequest) -> str:
    """The first line of a file."""
    return str(request.param)
