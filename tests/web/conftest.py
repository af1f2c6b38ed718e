"""The front end in a real, headless Chromium, against a real logd with the real logs in it.

    def test_it(page: Page, logd: Server) -> None:
        page.goto("/explore")

A test's pages begin with nothing, and whatever a test looks at, it fails when a page said an error, broke its policy or
asked another server (`watch.allow` has exceptions). A test that changes what others see starts a Server of its own.
The fixtures end with the folder: while Playwright runs, its event loop is in the way of asynchronous tests.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support import elastic
from tests.support.clustered import over_elasticsearch_and_redis, over_kafka_and_mysql
from tests.support.openapi import document
from tests.support.process import Server
from tests.web.browsing import context_of, launched
from tests.web.lines import send_lines
from tests.web.watching import Watch

#: Called with options of a browser's context, such as `viewport`, `color_scheme`, or a `base_url` of another server.
NewPage = Callable[..., Page]
_FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium."""
    document()  # which Server holds answers to, and takes an event loop to make
    with launched(chromium) as running:
        yield running


@pytest.fixture(scope="package")
def logd(
    test_data: Path, tmp_path_factory: pytest.TempPathFactory, long: bool, request: pytest.FixtureRequest
) -> Iterator[Server]:
    """A server with every role but the agent, with the lines of tests/web/lines.py. Open: there is no token. By --long
    it is over Kafka, Elasticsearch, MariaDB and Redis."""
    folder = tmp_path_factory.mktemp("web")
    with contextlib.ExitStack() as stack:
        given: dict[str, Any] = {}
        if long:
            asked = request.getfixturevalue
            kafka, mysql, elasticsearch, redis = map(asked, ("kafka", "mysql", "elasticsearch", "redis"))
            more = over_elasticsearch_and_redis(elasticsearch, redis)
            given["settings"], given["environment"] = over_kafka_and_mysql(folder, kafka, mysql, more)
            stack.callback(elastic.clear, elasticsearch.url)
        running = stack.enter_context(Server(folder / "server", roles="processor,api,alerter,archiver", **given))
        send_lines(running, test_data)
        yield running


@pytest.fixture
def watches() -> list[Watch]:
    """Of the test's contexts, as they are made."""
    return []


@pytest.fixture
def watch(page: Page, watches: list[Watch]) -> Watch:
    """Of the test's own page."""
    return watches[0]


@pytest.fixture
def new_page(
    browser: Browser,
    logd: Server,
    watches: list[Watch],
    request: pytest.FixtureRequest,
    artefacts: Path,
) -> Iterator[NewPage]:
    """Makes a page in a context of its own: nothing is stored in it, and nothing shared."""
    contexts = []

    def new(**options: Any) -> Page:
        base_url = options.pop("base_url", url_of(logd))
        context = context_of(browser, base_url, **options)
        contexts.append(context)
        watches.append(Watch(context, base_url))
        return context.new_page()

    yield new
    failed = request.node.stash.get(_FAILED, False)
    for number, page in enumerate(page for context in contexts for page in context.pages):
        if failed:
            page.screenshot(path=artefacts / f"failed-{_file_name(request.node.name)}-{number}.png")
    for context in contexts:
        context.close()
    wrong = [said for watch in watches for said in watch.wrong()]
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page; paths are of the server `logd`."""
    return new_page()


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: $TEST_ARTEFACTS, else a folder of pytest's."""
    named = os.environ.get("TEST_ARTEFACTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def shot(artefacts: Path) -> Callable[[Page, str], None]:
    """Keeps a picture of a page, by name, for people to look at."""

    def take(page: Page, name: str) -> None:
        page.screenshot(path=artefacts / f"{_file_name(name)}.png")

    return take


def url_of(server: Server) -> str:
    """Where a server's pages are."""
    return f"http://127.0.0.1:{server.port}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Lets the end of a test know how it went."""
    report = yield
    if call.when == "call":
        item.stash[_FAILED] = report.failed
    return report


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text)[:120]
