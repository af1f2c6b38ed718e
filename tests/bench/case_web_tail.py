"""The live tail in a browser: a thousand lines a second, and whether the page stays one that can be used."""

import time
from bisect import bisect_left
from itertools import pairwise

import orjson

from tests.bench.bench import Bench
from tests.bench.case_latency import percentile
from tests.bench.case_web_pages import pages_of
from tests.bench.http_client import Client
from tests.bench.logd_server import logd_server
from tests.bench.report import Line
from tests.web.measuring import MOST_TASK_MS, computed_ms, traced
from tests.web.pouring import BODY_LINES, go_live, paced, wait_until_shown

#: Ten seconds of ten bodies.
_PROBES_A_BODY = 2
#: Notes for each frame its time, and the number of the last line that it shows.
_NOTE_FRAMES = """() => {
  window.noted = [];
  const look = () => {
    const messages = document.querySelectorAll('.tail-message');
    const last = messages[messages.length - 1];
    window.noted.push([Date.now(), last ? Number(last.textContent.split(' ')[1]) : -1]);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
#: Once there is one of what is in the page now.
_NOTED = """() => new Promise((found) => {
  requestAnimationFrame(() => requestAnimationFrame(() => found(window.noted)));
})"""


def web_tail(bench: Bench) -> Line:
    """ms of the page's longest task while 1,000 lines a second come for 10 s, by the clock. Beside it how long
    the longest one computes, the frames, how far they are behind the 202 of the lines, and what the page computes."""
    folder = bench.folder / "web-tail"
    folder.mkdir()
    bodies = max(_PROBES_A_BODY, bench.probes // _PROBES_A_BODY)
    accepted: list[float] = []
    with (
        logd_server(folder) as server,
        pages_of(server.port) as new_context,
        Client(server.port) as client,
    ):
        page = new_context().new_page()
        go_live(page)
        page.evaluate(_NOTE_FRAMES)
        with traced(page) as tasks:
            begin = time.time()
            for lines in paced(page, bodies):
                body = b"".join(orjson.dumps({"service": "fast", **line}) + b"\n" for line in lines)
                client.post(server.insert, body)
                accepted.append(time.time())
            wait_until_shown(page, bodies)
            took = time.time() - begin
        frames: list[tuple[int, int]] = page.evaluate(_NOTED)
    times, shown = [at / 1_000 for at, _ in frames], [last for _, last in frames]
    behind = sorted(
        max(0.0, times[bisect_left(shown, BODY_LINES * (number + 1) - 1)] - at) for number, at in enumerate(accepted)
    )
    return Line(
        "web_tail",
        max(task.clock for task in tasks),
        "ms",
        bodies * BODY_LINES,
        goal=MOST_TASK_MS,
        note="no peer: theirs are other pages",
        more={
            "longest_computed_ms": max(task.computed for task in tasks),
            "lines_a_second": bodies * BODY_LINES / took,
            "frames_a_second": len(frames) / (times[-1] - times[0]),
            "longest_frame_ms": 1_000 * max(after - before for before, after in pairwise(times)),
            "behind_p50_seconds": percentile(behind, 0.5),
            "behind_worst_seconds": behind[-1],
            "page_cores": computed_ms(tasks) / 1_000 / took,
        },
    )
