"""What pages take, and how much they may: measured alike by the tests and by the bench."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page

#: The front end's pages, by their paths.
PAGES = ("/dashboards", "/explore", "/tail", "/alerts", "/admin")
MOST_FIRST_PAINT_MS = 1_000
MOST_BUNDLE_BYTES = 250_000
MOST_TASK_MS = 200
#: Chromium tells of no shorter ones.
LONG_TASK_MS = 50
_FIRST_PAINT = """() => new Promise((found) => new PerformanceObserver((list) => {
  for (const entry of list.getEntriesByName('first-contentful-paint')) found(entry.startTime);
}).observe({type: 'paint', buffered: true}))"""
_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
}).observe({type: 'longtask'});
"""
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


class LongTasks:
    """Milliseconds, by the clock, of each of the page's tasks that took 50 or more, from its beginning on. Made before
    the page goes anywhere."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.add_init_script(_LONG_TASKS)

    def forget(self) -> None:
        """Those until now."""
        self._page.evaluate("() => { window.longTasks.length = 0; }")

    def ms(self) -> list[float]:
        """In their order."""
        found: list[float] = self._page.evaluate("() => window.longTasks")
        return found


class Busy:
    """What a page's own thread has computed, which others that use the machine don't change."""

    def __init__(self, page: Page) -> None:
        self._door = page.context.new_cdp_session(page)
        self._door.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._before = self._all_ms()

    def ms(self) -> float:
        """Of the processor, since the last call."""
        before, self._before = self._before, self._all_ms()
        return self._before - before

    def _all_ms(self) -> float:
        metrics = self._door.send("Performance.getMetrics")["metrics"]
        return 1_000 * float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


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
