"""The pages as they come: what of them is sent, and how soon something is seen."""

import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page

from logd.web import built_files
from tests.bench.bench import Bench
from tests.bench.case_latency import percentile
from tests.bench.report import Line
from tests.support import chromium
from tests.web.browsing import context_of, launched
from tests.web.measuring import MOST_BUNDLE_BYTES, MOST_FIRST_PAINT_MS, PAGES, bundle, first_paint_ms

#: One of so many probes of the run: each page is opened ten times.
_PROBES_A_ROUND = 20
_GZIP_LEVEL = 9
#: A page that has asked for no more scripts and styles for so long has them all.
_QUIET_MS = 500
_LOADED = """() => performance.getEntriesByType('resource')
  .filter((entry) => /\\.(js|css)$/.test(new URL(entry.name).pathname))
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""


@contextmanager
def pages_of(port: int) -> Iterator[Callable[[], BrowserContext]]:
    """In a Chromium of its own, makes contexts in which nothing is kept, for the logd at the port. FileNotFoundError
    where there is no Chromium, or where the pages were never built; says what to do."""
    program = chromium.program()
    if built_files() is None:
        raise FileNotFoundError("the front end isn't built: run python scripts/build_web.py")
    with launched(program) as browser:
        yield lambda: _context(browser, port)


def _context(browser: Browser, port: int) -> BrowserContext:
    return context_of(browser, f"http://127.0.0.1:{port}")


def web_bundle(bench: Bench) -> Line:
    """Bytes of all scripts and styles as they are sent to who takes gzip; beside it those of zlib at its best, those
    without packing, and what each page loads of them into an empty browser."""
    with pages_of(bench.logd().system.port) as new_context:
        by_page = _loaded_bytes(new_context)
    folder = built_files()
    assert folder is not None
    assets = bundle(folder)
    return Line(
        "web_bundle",
        sum(len(asset.sent) for asset in assets),
        "bytes",
        bench.corpus.lines,
        goal=MOST_BUNDLE_BYTES,
        note="as sent; no peer: theirs are other pages",
        more={
            "gzip9_bytes": sum(len(gzip.compress(asset.plain, _GZIP_LEVEL)) for asset in assets),
            "unpacked_bytes": sum(len(asset.plain) for asset in assets),
            "files": len(assets),
            **{f"{_name(path)}_bytes": sent for path, sent in by_page.items()},
        },
    )


def _loaded_bytes(new_context: Callable[[], BrowserContext]) -> Mapping[str, int]:
    """Side by side: waiting for one page after the other would take longer."""
    pages: list[Page] = []
    for path in PAGES:
        pages.append(new_context().new_page())
        pages[-1].goto(path)
    while True:
        before = [page.evaluate(_LOADED) for page in pages]
        pages[0].wait_for_timeout(_QUIET_MS)
        if [page.evaluate(_LOADED) for page in pages] == before:
            return dict(zip(PAGES, before, strict=True))


def web_first_paint(bench: Bench) -> Line:
    """ms from going to a page until its first text is painted, the worst of all; each is opened again and again, in
    turn, with nothing kept. Beside it the median and the worst of each page."""
    took: dict[str, list[float]] = {path: [] for path in PAGES}
    with pages_of(bench.logd().system.port) as new_context:
        for _ in range(max(1, bench.probes // _PROBES_A_ROUND)):
            for path in PAGES:
                context = new_context()
                took[path].append(first_paint_ms(context.new_page(), path))
                context.close()
    figures: dict[str, float] = {}
    for path, times in took.items():
        ordered = sorted(times)
        figures |= {f"{_name(path)}_p50_ms": percentile(ordered, 0.5), f"{_name(path)}_worst_ms": ordered[-1]}
    everything = sorted(ms for times in took.values() for ms in times)
    return Line(
        "web_first_paint",
        everything[-1],
        "ms",
        bench.corpus.lines,
        goal=MOST_FIRST_PAINT_MS,
        note="the worst; no peer: theirs are other pages",
        more={"p50": percentile(everything, 0.5), "opened": len(everything), **figures},
    )


def _name(path: str) -> str:
    return path.strip("/")
