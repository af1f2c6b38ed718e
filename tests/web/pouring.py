"""A live tail under load: a thousand lines a second, and the page that shows them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.process import PATIENCE_SECONDS

BODY_LINES = 100
BODIES_A_SECOND = 10
_LEVELS = ("INFO", "INFO", "DEBUG", "INFO", "WARN", "ERROR")


def go_live(page: Page, path: str = "/tail") -> None:
    """Returns once lines come."""
    page.goto(path)
    expect(page.locator(".tail-status")).to_have_text("Live", timeout=PATIENCE_SECONDS * 1_000)


def paced(page: Page, bodies: int) -> Iterator[list[dict[str, Any]]]:
    """Bodies, each when it is due: whoever iterates sends them. Meanwhile the page is listened to."""
    begin = time.monotonic()
    for number in range(bodies):
        if (early := begin + number / BODIES_A_SECOND - time.monotonic()) > 0:
            page.wait_for_timeout(early * 1_000)
        yield [
            {"message": text_of(line), "level": _LEVELS[line % len(_LEVELS)]}
            for line in range(BODY_LINES * number, BODY_LINES * (number + 1))
        ]


def text_of(line: int) -> str:
    """The message of a line, of which the first number is that of the line."""
    return f"request {line} took {line * 7 % 900} ms"


def wait_until_shown(page: Page, bodies: int) -> None:
    """Until the last line of so many bodies is in the page."""
    expect(page.locator(".tail-message").last).to_have_text(text_of(BODY_LINES * bodies - 1))
