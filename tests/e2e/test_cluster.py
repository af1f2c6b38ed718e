"""The roles of conf/cluster over real engines, while what they are made of is killed: nothing lost, nothing twice.

Writers send numbered lines over HTTP at a steady rate, each request until it is accepted and always with the same
Idempotency-Key; an agent follows a file. After every fault each line that was accepted by then is found exactly once,
by its log_id and by its text, and nothing else is.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.services import Running
from tests.support.cluster import CONF, Cluster, cluster
from tests.support.commands import logd
from tests.support.load import writers
from tests.support.process import NDJSON, PATIENCE_SECONDS, SEARCH, Server, ndjson, until

_LINES = 5
_WRITERS = 4
#: Of each writer, between two requests: together some 100 lines a second.
_PAUSE_SECONDS = 0.2
#: One request of so many is sent again though it was accepted, as by a client whose connection broke.
_AGAIN = 20
_PAGE = 10_000
_FILE = "file"


class _Load:
    """What was sent, and what was accepted: of each writer the numbers below these."""

    def __init__(self, api: Server, headers: dict[str, str]) -> None:
        self.api = api
        self.headers = headers
        self.names = (*(f"writer-{number}" for number in range(_WRITERS)), _FILE)
        self.sent = Counter(dict.fromkeys(self.names, 0))
        self.accepted = Counter(dict.fromkeys(self.names, 0))
        self.resent = 0
        self.refusal = ""
        self._stop = threading.Event()

    def send(self, name: str) -> int:
        """Requests, each until it is accepted; gives how many lines there were."""
        requests = 0
        while not self._stop.wait(_PAUSE_SECONDS):
            first = self.accepted[name]
            at = datetime.now(UTC).isoformat()
            body = ndjson([{"timestamp": at, "message": f"numbered {name} {first + n}"} for n in range(_LINES)])
            headers = {**NDJSON, **self.headers, "Idempotency-Key": f"{name} {requests}"}
            self.sent[name] += _LINES
            for _ in range(2 if requests % _AGAIN == 0 else 1):
                self._until_accepted(body, headers, f"service-{name}-{requests % 10}")
            self.accepted[name] += _LINES
            requests += 1
        return self.accepted[name]

    def append(self, path: Path) -> int:
        """Whole lines at the end of a file."""
        with path.open("ab", buffering=0) as file:
            while not self._stop.wait(_PAUSE_SECONDS):
                at, n = datetime.now(UTC).isoformat(), self.sent[_FILE]
                self.sent[_FILE] += 1
                file.write(f"{at} INFO numbered {_FILE} {n}\n".encode())
                self.accepted[_FILE] += 1
        return self.accepted[_FILE]

    def more(self) -> None:
        """Returns when every writer has had something accepted since."""
        before = Counter(self.accepted)
        until(
            lambda: all(count > before[name] for name, count in self.accepted.items()),
            lambda: f"more is accepted than {before}; the last refusal: {self.refusal}",
        )

    def end(self) -> None:
        """Tells the writers to end."""
        self._stop.set()

    def _until_accepted(self, body: bytes, headers: dict[str, str], service: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self.api.post(body, headers, service)
            except (OSError, http.client.HTTPException) as error:
                self.refusal = repr(error)
                self._stop.wait(_PAUSE_SECONDS)
            else:
                if answer.status == 202:
                    return
                self.refusal = repr(answer)
                assert answer.status in (429, 503), answer
            assert time.monotonic() < deadline, f"not accepted within {PATIENCE_SECONDS:g} s"
            self.resent += 1

    @property
    def ended(self) -> bool:
        """Whether the writers were told to end."""
        return self._stop.is_set()

    def total(self) -> int:
        """Hits, -1 while they can't be counted."""
        answer = self._search(limit=0, track_total_hits="true")
        return -1 if answer is None else int(answer["total_hits"])

    def check(self, expected: Counter[str]) -> bool:
        """Whether all that was `expected` is found, once. Raises AssertionError when something is found twice, or was
        never sent."""
        found = self._found()
        if found is None:
            return False
        twice = [name for name, count in found.items() if count > 1]
        assert not twice, f"found twice: {twice[:10]}"
        unsent = [(name, n) for name, n in found if n >= self.sent[name]]
        assert not unsent, f"found, and never sent: {unsent[:10]}"
        return all((name, n) in found for name, count in expected.items() for n in range(count))

    def missing(self, expected: Counter[str]) -> str:
        """Some of what isn't found."""
        found = self._found() or Counter()
        missing = [f"{name} {n}" for name, count in expected.items() for n in range(count) if not found[name, n]]
        return f"{len(missing)} are missing: {missing[:10]}"

    def _found(self) -> Counter[tuple[str, int]] | None:
        """How often each line is found; None while it can't be told."""
        found: Counter[tuple[str, int]] = Counter()
        ids: set[str] = set()
        cursor: dict[str, object] = {}
        while True:
            answer = self._search(sort="oldest", limit=_PAGE, track_total_hits="false", **cursor)
            if answer is None:
                return None
            for record in answer["logs"]:
                *_, name, number = record["message"].split()
                found[name, int(number)] += 1
                ids.add(record["log_id"])
            if not answer["next_cursor"]:
                break
            cursor = {"cursor": answer["next_cursor"]}
        assert len(ids) == found.total(), "a log_id is found twice"
        return found

    def _search(self, **parameters: object) -> dict[str, Any] | None:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        answer = self.api.request("GET", f"{SEARCH}?q=numbered&{query}", headers=self.headers)
        assert answer.status in (200, 429, 503, 504), answer
        found: dict[str, Any] | None = answer.json() if answer.status == 200 else None
        return found


class _Faults:
    """What happens to a cluster that is written to; each returns once the fault is over."""

    def __init__(self, cluster: Cluster, load: _Load, processor: Server, stack: ExitStack) -> None:
        self._cluster = cluster
        self._load = load
        self._processor = processor
        self._stack = stack

    def processor_killed(self) -> None:
        """And started again, as systemd would."""
        self._processor.kill()
        self._processor.start()

    def api_killed(self) -> None:
        """And started again on its port, as behind a load balancer."""
        api = self._load.api
        api.kill()
        api.settings["api.listen"] = f"127.0.0.1:{api.port}"
        api.start()

    def second_processor(self) -> None:
        """Comes, has half of the partitions, and goes."""
        second = self._stack.enter_context(self._cluster.role("processor", 2))
        until(lambda: self._cluster.shares() == [25, 25], lambda: f"both have a half: {self._cluster.shares()}")
        self._load.more()
        assert second.terminate() == 0, second.log()
        until(lambda: self._cluster.shares() == [50], "the first has all again")

    def kafka_killed(self) -> None:
        """For as long as it takes to start."""
        self._cluster.kafka.kill()
        self._cluster.kafka.start()

    def elasticsearch_killed(self) -> None:
        """For as long as it takes to start, while lines are accepted all the same."""
        self._cluster.elasticsearch.kill()
        self._load.more()
        self._cluster.elasticsearch.start()

    def disk_full(self) -> None:
        """Elasticsearch's own block at the flood stage: the processor waits, and says so."""
        known = len(self._processor.log())
        self._cluster.keep_blocks()
        self._cluster.block(read_only_allow_delete=True)
        until(lambda: "the index is unavailable" in self._processor.log()[known:], "the processor waits")
        self._load.more()
        self._cluster.block(read_only_allow_delete=False)

    def days_blocked(self) -> None:
        """For good, as before they move away: what still comes goes elsewhere."""
        self._cluster.block(write=True)
        self._load.more()
        until(lambda: self._cluster.documents("logs-late-*") > 0, "the late index has something")


@pytest.fixture
def engines(tmp_path: Path, mysql: Running, redis: Running) -> Iterator[Cluster]:
    with cluster(tmp_path, mysql, redis) as made:
        yield made


@pytest.mark.parametrize("role", ["agent", "api", "processor"])
def test_the_shipped_files_are_right(tmp_path: Path, role: str) -> None:
    done = logd("config", "check", "--config", CONF / f"{role}.toml", data_dir=tmp_path)
    assert (done.code, done.error) == (0, "")
    assert done.out.startswith(f"ok: roles {role}, ")


@pytest.mark.servers("kafka", "elasticsearch")
@pytest.mark.timeout(1_800)
def test_nothing_is_lost_and_nothing_is_there_twice(engines: Cluster, tmp_path: Path, long: bool) -> None:
    file = tmp_path / "app.log"
    file.touch()
    made = engines.token("ingest,search")
    with ExitStack() as stack:
        processor = stack.enter_context(engines.role("processor"))
        api = stack.enter_context(engines.role("api"))
        stack.enter_context(engines.role("agent", files=(file,)))
        load = _Load(api, made.header)
        faults = _Faults(engines, load, processor, stack)
        jobs: dict[str, Callable[[], int]] = {name: _sending(load, name) for name in load.names if name != _FILE}
        with writers({**jobs, _FILE: lambda: load.append(file)}, load.end) as running:
            _caught_up("no fault", load)
            # Engines take long to come back on a busy machine.
            of_engines = (faults.kafka_killed, faults.elasticsearch_killed, faults.disk_full) if long else ()
            for fault in (
                faults.processor_killed,
                faults.api_killed,
                faults.second_processor,
                *of_engines,
                faults.days_blocked,
            ):
                fault()
                _caught_up(fault.__name__, load)
        assert Counter({name: job.result() for name, job in running.items()}) == load.sent
        _caught_up("the end", load)
        assert load.total() == load.sent.total()
        again = engines.sent_again()
        print(f"{load.sent.total()} lines, {load.resent} requests sent again, {again} chunks twice on the wire")
        assert again > 0, "something was there to be left out"
        status = api.request("GET", "/api/v1/status", headers=made.header).json()
        assert status["transport"].get("dead-letters", {"messages": 0})["messages"] == 0
        for server in (processor, api):
            assert server.terminate() == 0, server.log()


def _sending(load: _Load, name: str) -> Callable[[], int]:
    return lambda: load.send(name)


def _caught_up(fault: str, load: _Load) -> None:
    """Returns when everything that was accepted is found, which has to include lines from after the fault."""
    started = time.monotonic()
    if not load.ended:
        load.more()
    expected = Counter(load.accepted)
    until(lambda: load.total() >= expected.total(), lambda: load.missing(expected))
    until(lambda: load.check(expected), lambda: load.missing(expected))
    print(f"{fault}: {expected.total()} lines are there once, after {time.monotonic() - started:.1f} s")
