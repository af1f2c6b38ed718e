"""Explore over the corpus: from a query to its lines and its histogram, and through ten thousand lines."""

import itertools
from datetime import timedelta
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from tests.bench.bench import Bench
from tests.bench.case_latency import percentile
from tests.bench.case_web_pages import pages_of
from tests.bench.corpus import Corpus, time_of
from tests.bench.question import time_text
from tests.bench.report import Line
from tests.web.measuring import MOST_TASK_MS, computed_ms, scrolled, traced

#: Each is asked once, so that no answer is there already. One after another have other numbers of lines: by these one
#: sees that the histogram is another.
_WORDS = ("timeout", "profile", "declined", "healthz", "upstream")
_FORMS = ("{}", "{} AND service:payment", "{} OR level:ERROR", "{} AND user_id:<25000")
_QUERIES = [form.format(word) for word, form in itertools.product(_WORDS, _FORMS)]
_PROBES_A_QUERY = 10
_ROWS = 10_000
_ROWS_A_PROBE = 50
_STEP_PIXELS = 750
_LINES = ".results-list .line"
#: Resolves to ms from the next Enter until the frames that show its lines, and its histogram.
_ASKED = """() => {
  const listNow = () => document.querySelector('.results-list');
  const labelNow = () => document.querySelector('.histogram .chart')?.getAttribute('aria-label');
  const list = listNow();
  const label = labelNow();
  window.asked = new Promise((found) => {
    const begin = (event) => {
      if (event.key !== 'Enter') return;
      document.removeEventListener('keydown', begin, true);
      const took = { lines: 0, histogram: 0 };
      // What is in the page before a frame is seen after it.
      const note = (name) => {
        took[name] ||= -1;
        setTimeout(() => {
          took[name] = performance.now() - event.timeStamp;
          if (took.lines > 0 && took.histogram > 0) found(took);
        });
      };
      const look = () => {
        if (!took.lines && listNow() !== list && listNow()?.querySelector('.line:not(.forgotten)')) note('lines');
        if (!took.histogram && labelNow() && labelNow() !== label) note('histogram');
        if (!took.lines || !took.histogram) requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    };
    document.addEventListener('keydown', begin, true);
  });
}"""


def web_explore(bench: Bench) -> Line:
    """ms from Enter until both the newest lines of a query over the whole corpus and its histogram are seen, p50 of
    queries that each are asked for the first time. Beside it the two apart."""
    server = bench.logd()
    server.wait_until_quiet()
    lines, histogram = [], []
    with pages_of(server.system.port) as new_context:
        page = new_context().new_page()
        _open(page, bench.corpus)
        expect(page.locator(".histogram .chart")).to_be_visible()
        bar = page.get_by_role("textbox", name="Query", exact=True)
        expect(page.locator(".query-editor .cm-content")).to_be_visible()
        for query in _QUERIES[: max(2, bench.probes // _PROBES_A_QUERY)]:
            page.evaluate(_ASKED)
            bar.fill(query)
            bar.press("Enter")
            took = page.evaluate("() => window.asked")
            lines.append(float(took["lines"]))
            histogram.append(float(took["histogram"]))
    both = sorted(map(max, lines, histogram))
    return Line(
        "web_explore",
        percentile(both, 0.5),
        "ms",
        bench.corpus.lines,
        note="has no goal; no peer: theirs are other pages",
        more={
            "worst": both[-1],
            "lines_p50": percentile(sorted(lines), 0.5),
            "lines_worst": max(lines),
            "histogram_p50": percentile(sorted(histogram), 0.5),
            "histogram_worst": max(histogram),
            "queries": len(both),
        },
    )


def web_scroll(bench: Bench) -> Line:
    """ms of the page's longest task while it scrolls through the first 10,000 lines by 750 pixels a time, each of which
    is drawn; by the clock. Beside it how long the longest one computes, which others that are at work don't change."""
    rows = min(_ROWS, _ROWS_A_PROBE * bench.probes, bench.corpus.lines)
    with pages_of(bench.logd().system.port) as new_context:
        page = new_context().new_page()
        _open(page, bench.corpus)
        steps, last = 0, 0
        with traced(page) as tasks:
            while last < rows - 1:
                last, _ = scrolled(page, _STEP_PIXELS)
                steps += 1
    return Line(
        "web_scroll",
        max(task.clock for task in tasks),
        "ms",
        rows,
        goal=MOST_TASK_MS,
        note="no peer: theirs are other pages",
        more={
            "longest_computed_ms": max(task.computed for task in tasks),
            "computed_ms_a_step": computed_ms(tasks) / steps,
            "steps": steps,
        },
    )


def _open(page: Page, corpus: Corpus) -> None:
    """Over all lines, once the newest are there."""
    times = {
        "from": time_text(time_of(corpus.line(0))),
        "to": time_text(corpus.newest() + timedelta(milliseconds=1)),
    }
    page.goto(f"/explore?{urlencode(times)}")
    expect(page.locator(_LINES).first).to_be_visible()
