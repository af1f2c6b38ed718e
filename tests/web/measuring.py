"""What pages take, and how much they may: measured alike by the tests and by the bench."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson
from playwright.sync_api import Page

#: The front end's pages, by their paths.
PAGES = ("/dashboards", "/explore", "/tail", "/alerts", "/admin")
MOST_FIRST_PAINT_MS = 1_000
MOST_BUNDLE_BYTES = 250_000
MOST_TASK_MS = 200
_FIRST_PAINT = """() => new Promise((found) => new PerformanceObserver((list) => {
  for (const entry of list.getEntriesByName('first-contentful-paint')) found(entry.startTime);
}).observe({type: 'paint', buffered: true}))"""
#: Of Chromium's traces. Without the first one there would be twenty times as much, of the default ones.
_CATEGORIES = ["-*", "disabled-by-default-devtools.timeline"]
_TASK = "RunTask"
_MAIN_THREAD = "CrRendererMain"
#: Scrolls by so many pixels, and lets the page be drawn; the number of the last row that is in it, and of its elements.
_SCROLL = """async (by) => {
  const list = document.querySelector('.virtual');
  list.scrollTop += by;
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const rows = [...list.querySelectorAll('.virtual-row')].map((row) => Number(row.dataset.index));
  return [Math.max(...rows), list.querySelectorAll('*').length];
}"""


class Asset(NamedTuple):
    """A script or a style sheet as it was built, and what is sent of it to who takes gzip."""

    name: str
    plain: bytes
    sent: bytes


class Task(NamedTuple):
    """In ms: what passed while the page could do nothing else, and what of it the processor computed for it. The rest
    it mostly waited for the processor, with which others were busy."""

    clock: float
    computed: float


@contextmanager
def traced(page: Page) -> Iterator[list[Task]]:
    """Has, once the block has ended, all tasks of the page's main thread within it; the page is Chromium's only busy
    one."""
    browser = page.context.browser
    assert browser is not None
    found: list[Task] = []
    browser.start_tracing(page=page, categories=_CATEGORIES)
    try:
        yield found
    finally:
        events = orjson.loads(browser.stop_tracing())["traceEvents"]
    of_threads: dict[tuple[int, int], list[Task]] = {
        (event["pid"], event["tid"]): []
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == _MAIN_THREAD
    }
    for event in events:
        thread = (event["pid"], event["tid"])
        if event["name"] == _TASK and event["ph"] == "X" and thread in of_threads:
            of_threads[thread].append(Task(event["dur"] / 1_000, event.get("tdur", 0) / 1_000))
    found += max(of_threads.values(), key=computed_ms)


def computed_ms(tasks: Iterable[Task]) -> float:
    """Of all of them."""
    return sum(task.computed for task in tasks)


def first_paint_ms(page: Page, path: str) -> float:
    """From going there until the first text is painted."""
    page.goto(path)
    return float(page.evaluate(_FIRST_PAINT))


def scrolled(page: Page, by_pixels: int) -> tuple[int, int]:
    """Scrolls Explore's lines, which are drawn then: the number of the last row in the page, and of all elements of the
    list."""
    last, elements = page.evaluate(_SCROLL, by_pixels)
    return int(last), int(elements)


def bundle(folder: Path) -> list[Asset]:
    """All scripts and styles of the front end that was built there."""
    found = []
    for path in sorted((folder / "assets").iterdir()):
        if path.suffix in (".js", ".css"):
            plain, packed = path.read_bytes(), path.with_name(f"{path.name}.gz")
            found.append(Asset(path.name, plain, packed.read_bytes() if packed.exists() else plain))
    return found
