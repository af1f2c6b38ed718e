"""Fixtures of real servers: `kafka`, `elasticsearch`, `mysql`, `redis`, `s3`, one each for the whole run, empty at its
beginning. A plugin of tests/conftest.py.

A test that breaks a server starts its own by tests.services.running, and names it: `@pytest.mark.servers("kafka")`; so
does one that asks for a fixture as it runs. Then what a run needs is got before its first test, whose time limit isn't
for downloads and builds. Tests of a server that can't be had are skipped, and the run ends with a loud section that
says so; in CI they fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.services import NAMES, Missing, Running, running
from tests.services.kinds import kind_of

#: By the servers that were asked for: why one can't be had, or None.
_ASKED = pytest.StashKey[dict[str, str | None]]()
_MARK = "servers"


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One broker; `url` is `127.0.0.1:port`."""
    yield from _one("kafka", request, tmp_path_factory)


@pytest.fixture(scope="session")
def elasticsearch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One node."""
    yield from _one("elasticsearch", request, tmp_path_factory)


@pytest.fixture(scope="session")
def mysql(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """MariaDB; its user `logd` may make databases whose names begin with `logd`."""
    yield from _one("mysql", request, tmp_path_factory)


@pytest.fixture(scope="session")
def redis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Without a password."""
    yield from _one("redis", request, tmp_path_factory)


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Without a bucket; the credentials are the user and the password in its `url`."""
    yield from _one("s3", request, tmp_path_factory)


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line("markers", f"{_MARK}(*names): starts these servers itself, or asks for them as it runs")
    config.stash[_ASKED] = {}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Gets what the collected tests need."""
    if session.config.option.collectonly:
        return
    needed = [
        name for name in NAMES if any(name in item.fixturenames or name in _named(item) for item in _tests(session))
    ]
    with ThreadPoolExecutor(len(NAMES)) as threads:
        session.config.stash[_ASKED].update(zip(needed, threads.map(_get, needed), strict=True))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips or fails a test that starts what can't be had."""
    for name in _named(item):
        _have(item.config, name)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells who writes the summary."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told[_MARK] = session.config.stash[_ASKED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker of pytest-xdist couldn't have; one that crashed tells nothing."""
    node.config.stash[_ASKED].update(getattr(node, "workeroutput", {}).get(_MARK, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says once, in red, what was not tested."""
    if missing := {name: sentence for name, sentence in config.stash[_ASKED].items() if sentence}:
        terminalreporter.section("TESTS ON REAL SERVERS WERE SKIPPED", sep="!", red=True, bold=True)
        for name, sentence in missing.items():
            terminalreporter.line(f"nothing was tested on {name}: {sentence}", red=True)


def _one(name: str, request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Iterator[Running]:
    _have(request.config, name)
    with running(name, folders.mktemp(name)) as server:
        yield server


def _tests(session: pytest.Session) -> list[pytest.Function]:
    return [item for item in session.items if isinstance(item, pytest.Function)]


def _named(item: pytest.Item) -> tuple[str, ...]:
    return tuple(str(name) for mark in item.iter_markers(_MARK) for name in mark.args)


def _get(name: str) -> str | None:
    try:
        kind_of(name).get()
    except Missing as error:
        return str(error)
    return None


def _have(config: pytest.Config, name: str) -> None:
    asked = config.stash[_ASKED]
    if name not in asked:  # a fixture that is asked for by name, as the test runs
        asked[name] = _get(name)
    if sentence := asked[name]:
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
