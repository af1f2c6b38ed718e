"""A server that alerts, for the tests of a file, and a page of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.support.hooks import Hook, hook
from tests.support.process import Server
from tests.web.alerting import alerting
from tests.web.conftest import NewPage, url_of


@pytest.fixture(scope="module")
def hooked() -> Iterator[Hook]:
    with hook() as told:
        yield told


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with alerting(tmp_path_factory.mktemp("alerts")) as running:
        yield running


@pytest.fixture
def page(new_page: NewPage, server: Server) -> Page:
    return new_page(base_url=url_of(server))
