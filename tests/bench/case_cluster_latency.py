"""How soon an appended line is found in the real Elasticsearch, while 5,000 other lines a second are written."""

from collections.abc import Iterator
from urllib.parse import urlencode

import orjson

from tests.bench.bench import Bench
from tests.bench.case_latency import MARK, found_after, load_on, numbers_of, percentile
from tests.bench.cluster_roles import of_elasticsearch, of_kafka, role
from tests.bench.report import Line
from tests.bench.stream import stream
from tests.services.elasticsearch import ask

_GOAL_SECONDS = 5.0
_LINES_A_SECOND = 5_000
_START_SECONDS = 120.0
_PAUSE_SECONDS = 0.1


def cluster_latency(bench: Bench) -> Line:
    """Seconds from just before `write` to the answer that holds the line, through an agent, Kafka, a processor and
    Elasticsearch's refresh (1 s): p99, and p50 beside it."""
    engines = bench.engines
    folder = engines.new_folder("latency")
    folder.mkdir(parents=True)
    marked, load = folder / "marked.log", folder / "load.log"
    for file in (marked, load):
        file.touch()
    kafka, elasticsearch, prefix = engines.kafka.url, engines.elasticsearch, f"{folder.name}."
    settings = of_kafka(kafka, prefix)
    with (
        stream(kafka, prefix) as put,
        role("processor", folder / "1", {**settings, **of_elasticsearch(elasticsearch.url)}) as processor,
        role("agent", folder / "2", settings, files=[marked, load]),
    ):
        asked = urlencode({"q": f"words:{MARK}", "size": 2 * bench.probes + 1, "_source_includes": "message"})

        def marks() -> Iterator[int]:
            status, answer = ask(elasticsearch.port, "GET", f"/logs-*/_search?{asked}")
            # An index that was just made can't be asked yet.
            hits = orjson.loads(answer)["hits"]["hits"] if status == 200 else []
            return numbers_of(hit["_source"]["message"] for hit in hits)

        processor.wait_until(lambda: put.members() == 1, "in its group", _START_SECONDS, _PAUSE_SECONDS)
        with load_on(load, _LINES_A_SECOND):
            # Not counted: until an index is made, and Java has compiled what is used most.
            found_after(processor, marks, marked, range(-bench.probes, 1))
            took = sorted(found_after(processor, marks, marked, range(1, bench.probes + 1)))
    return Line(
        "cluster_latency",
        percentile(took, 0.99),
        "s",
        len(took),
        goal=_GOAL_SECONDS,
        note=f"p99 at {_LINES_A_SECOND} lines a second; no peer",
        more={"p50": percentile(took, 0.5), "max": took[-1]},
    )
