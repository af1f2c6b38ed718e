"""The watch itself: what no page may do is noticed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.web.axe import axe
from tests.web.watching import Watch


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("console.error('it broke')", "console: it broke"),
        ("setTimeout(() => { throw new Error('it broke') })", "uncaught: it broke"),
        ("Promise.reject(new Error('it broke'))", "uncaught: it broke"),
        ("fetch('/api/v1/nothing')", "console: Failed to load resource: the server responded with a status of 404"),
        ("fetch('http://127.0.0.1:9/').catch(() => 0)", "console: policy: connect-src forbids http://127.0.0.1:9"),
        ("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/a.png'}))", "policy: img-src"),
        ("window.open('http://127.0.0.1:9/')", "asked another server: http://127.0.0.1:9/"),
    ],
)
def test_it_is_noticed(page: Page, watch: Watch, script: str, said: str) -> None:
    page.goto("/explore")
    page.evaluate(f"() => {{ {script} }}")
    for _ in range(600):
        if any(said in one for one in watch.wrong()):
            break
        page.wait_for_timeout(50)  # in which what happened is told
    found = watch.wrong()
    watch.allow("")
    assert any(said in one for one in found), found


def test_what_is_allowed_is_not_wrong(page: Page, watch: Watch) -> None:
    page.goto("/explore")
    with page.expect_console_message():
        page.evaluate("() => console.error('expected: 42')")
    assert watch.wrong()
    watch.allow(r"expected: \d+")
    assert not watch.wrong()


def test_what_not_everyone_can_use_is_found(page: Page) -> None:
    page.goto("/explore")
    page.evaluate("() => document.querySelector('main').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        axe(page)
