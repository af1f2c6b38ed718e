"""What every test has: the real logs, whether there is time for long runs, and a look at the tasks left behind."""

from __future__ import annotations

import asyncio
import inspect
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no fault of an example: what hangs, the test's own time limit ends.
settings.register_profile("everywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# CI must give one answer for one commit; new examples are sought where people look at them, and by --long.
settings.register_profile("ci", settings.get_profile("everywhere"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "everywhere")

# A shell that runs us in the background has us ignore it, and with us the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.support.services", "tests.support.browser"]
_ROOT = Path(__file__).parent.parent
_NO_DATA = pytest.StashKey[str]()
#: Tests by how long a file of them lasts; one of the others takes seconds.
_LONGEST_FIRST = ("e2e/test_cluster.py", "bench", "faults", "contracts", "web", "e2e", "integration", "fuzz")


@pytest.fixture(scope="session")
def test_data(request: pytest.FixtureRequest) -> Path:
    """The folder of real logs: $TEST_DATA, else ../shared/data beside the repository. Without it a test is skipped,
    which the summary says aloud; in CI it fails."""
    path = Path(os.environ.get("TEST_DATA") or _ROOT.parent / "shared" / "data").resolve()
    if path.is_dir():
        return path
    missing = f"the real logs are missing: {path} is no folder, set TEST_DATA"
    if os.environ.get("CI"):
        pytest.fail(missing)
    request.config.stash[_NO_DATA] = missing
    pytest.skip(missing)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A run that isn't CI's takes a seed that can be given again."""
    if not os.environ.get("CI") and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(random.SystemRandom().getrandbits(32))


def pytest_report_header(config: pytest.Config) -> str:
    """Says with what examples were drawn."""
    seed = config.getoption("hypothesis_seed", None)
    return "examples: the same in each run" if seed is None else f"examples: --hypothesis-seed={seed}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers of pytest-xdist take the files that last longest first: short ones fill the end for all of them."""
    if hasattr(config, "workerinput"):
        items.sort(key=_lasts)


def _lasts(item: pytest.Item) -> int:
    """The place of its file, longest first."""
    places = (at for at, path in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(f"tests/{path}"))
    return next(places, len(_LONGEST_FIRST))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells who writes the summary."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["no_data"] = session.config.stash.get(_NO_DATA, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker missed; one that crashed tells nothing."""
    if missing := getattr(node, "workeroutput", {}).get("no_data"):
        node.config.stash[_NO_DATA] = missing


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says once, in red, that tests on real logs didn't run."""
    if missing := config.stash.get(_NO_DATA, None):
        terminalreporter.section("TESTS ON REAL LOGS WERE SKIPPED", sep="!", red=True, bold=True)
        terminalreporter.line(missing, red=True)


@pytest.fixture(scope="session")
def long() -> bool:
    """Whether `scripts/test --long` asks for the long runs."""
    return bool(os.environ.get("TEST_LONG"))


@pytest.fixture(autouse=True)
def _tasks_end(request: pytest.FixtureRequest) -> None:
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_no_task_is_left")


@pytest.fixture
async def _no_task_is_left() -> AsyncIterator[None]:
    """Fails a test after which, its fixtures torn down, tasks are still running. Set up before them, so torn down
    after them."""
    yield
    # Transports that were closed get one turn of the loop to finish what their protocol does about it.
    await asyncio.sleep(0)
    left = sorted(task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task())
    assert not left, f"tasks are still running: {', '.join(left)}"
