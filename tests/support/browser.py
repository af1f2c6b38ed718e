"""The browser that tests of the front end need: Debian's Chromium. A plugin of tests/conftest.py.

Without it such a test is skipped, which the run's end says aloud; in CI it fails.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.support.chromium import program

_MISSING = pytest.StashKey[str]()
_TOLD = "no_browser"


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> str:
    """The path of the program; $CHROMIUM names another."""
    try:
        return program()
    except FileNotFoundError as error:
        missing = str(error)
    if os.environ.get("CI"):
        pytest.fail(missing)
    request.config.stash[_MISSING] = missing
    pytest.skip(missing)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells who writes the summary."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told[_TOLD] = session.config.stash.get(_MISSING, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker missed; one that crashed tells nothing."""
    if missing := getattr(node, "workeroutput", {}).get(_TOLD):
        node.config.stash[_MISSING] = missing


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says once, in red, that the front end wasn't looked at."""
    if missing := config.stash.get(_MISSING, None):
        terminalreporter.section("TESTS IN A BROWSER WERE SKIPPED", sep="!", red=True, bold=True)
        terminalreporter.line(missing, red=True)
