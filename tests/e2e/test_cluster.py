"""The roles of conf/cluster over real engines, while what they are made of is killed: nothing lost, nothing twice.

Writers send numbered lines over HTTP at a steady rate, each request until it is accepted and always with the same
Idempotency-Key; an agent follows a file. After every fault each line that was accepted by then is found exactly once,
by its log_id and by its text, and nothing else is.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.cluster import CONF, Cluster, cluster
from tests.support.commands import logd
from tests.support.load import writers
from tests.support.oracle import Load
from tests.support.process import Server, until

#: So long engines are away.
_AWAY_SECONDS, _LONG_AWAY_SECONDS = 10.0, 60.0


class _Faults:
    """What happens to a cluster that is written to; each returns once the fault is over."""

    def __init__(
        self, cluster: Cluster, load: Load, roles: tuple[Server, Server], stack: ExitStack, long: bool
    ) -> None:
        """`roles` are the processor and the agent; the api is the load's."""
        self._cluster = cluster
        self._load = load
        self._processor, self._agent = roles
        self._stack = stack
        self._long = long
        self._away_seconds = _LONG_AWAY_SECONDS if long else _AWAY_SECONDS
        self.duplicates = 0

    def nothing(self) -> None:
        """All is well."""
        for server in (self._processor, self._agent, self._load.api):
            _ready(server)

    def processor_killed(self) -> None:
        """And started again, as systemd would."""
        self.count_duplicates()
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
        self.duplicates += _metric(second, "logd_index_duplicates_total")
        assert second.terminate() == 0, second.log()
        until(lambda: self._cluster.shares() == [50], "the first has all again")

    def one_broker_killed(self) -> None:
        """Two copies are enough: all is found without it. In a short run it stays away until all are."""
        self._cluster.kafka.kill(0)
        self._load.found()
        if self._long:
            self._cluster.kafka.start()

    def one_node_killed(self) -> None:
        """One copy is enough: all is found without it. In a short run it stays away until all are."""
        self._cluster.elasticsearch.kill(1)
        self._load.found()
        if self._long:
            self._cluster.elasticsearch.start()

    def kafka_killed(self) -> None:
        """All of it: nothing is accepted, and everyone says so."""
        self._cluster.kafka.kill()
        for server in (self._processor, self._agent, self._load.api):
            _not_ready(server, "of transport.kafka.servers can't be reached: connection refused")
        self._load.goes_on(self._away_seconds)
        self._cluster.kafka.start()
        for server in (self._processor, self._agent, self._load.api):
            _ready(server)

    def elasticsearch_killed(self) -> None:
        """All of it, while lines are accepted all the same."""
        self._cluster.elasticsearch.kill()
        for server in (self._processor, self._load.api):
            _not_ready(server, f"Elasticsearch at http://127.0.0.1:{self._cluster.elasticsearch.port}")
        self._load.more()
        self._load.goes_on(self._away_seconds)
        self._cluster.elasticsearch.start()
        for server in (self._processor, self._load.api):
            _ready(server)

    def disk_full(self) -> None:
        """Elasticsearch's own block at the flood stage: the processor waits, and says so."""
        self._cluster.keep_blocks()
        self._cluster.block(read_only_allow_delete=True)
        _not_ready(self._processor, "disk usage exceeded flood-stage watermark")
        self._load.more()
        _ready(self._load.api)
        self._cluster.block(read_only_allow_delete=False)
        _ready(self._processor)

    def redis_and_mariadb_killed(self) -> None:
        """Who is known goes on; the api says that it can't ask."""
        self._cluster.redis.kill()
        self._cluster.mysql.kill()
        _not_ready(self._load.api, f"at 127.0.0.1:{self._cluster.mysql.port}: connection refused")
        self._load.more()
        self._load.found()
        self._cluster.redis.start()
        self._cluster.mysql.start()
        _ready(self._load.api)

    def days_blocked(self) -> None:
        """For good, as before they move away: what still comes goes elsewhere."""
        self._cluster.block(write=True)
        self._load.more()
        until(lambda: self._cluster.documents("logs-late-*") > 0, "the late index has something")

    def count_duplicates(self) -> None:
        """Those of a processor that is about to end."""
        self.duplicates += _metric(self._processor, "logd_index_duplicates_total")


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path) as made:
        yield made


@pytest.mark.parametrize("role", ["agent", "api", "processor"])
def test_the_shipped_files_are_right(tmp_path: Path, role: str) -> None:
    done = logd("config", "check", "--config", CONF / f"{role}.toml", data_dir=tmp_path)
    assert (done.code, done.error) == (0, "")
    assert done.out.startswith(f"ok: roles {role}, ")


@pytest.mark.servers("kafka", "elasticsearch", "mysql", "redis")
@pytest.mark.timeout(3_600)
def test_nothing_is_lost_and_nothing_is_there_twice(engines: Cluster, tmp_path: Path, long: bool) -> None:
    file = tmp_path / "app.log"
    file.touch()
    made = engines.token("ingest,search")
    with ExitStack() as stack:
        processor = stack.enter_context(engines.role("processor"))
        api = stack.enter_context(engines.role("api"))
        agent = stack.enter_context(engines.role("agent", files=(file,)))
        load = Load(api, made.header)
        faults = _Faults(engines, load, (processor, agent), stack, long)
        with writers(load.jobs(file), load.end) as running:
            for fault in (
                faults.nothing,
                faults.processor_killed,
                faults.api_killed,
                faults.second_processor,
                faults.one_broker_killed,
                faults.kafka_killed,
                faults.one_node_killed,
                faults.elasticsearch_killed,
                faults.redis_and_mariadb_killed,
                faults.disk_full,
                faults.days_blocked,
            ):
                started = time.monotonic()
                fault()
                over = time.monotonic()
                count = load.found().total()
                took = f"{over - started:.1f} s of it, {time.monotonic() - over:.1f} s to catch up"
                print(f"{fault.__name__}: {took}, {count} lines are there once", flush=True)
        assert Counter({name: job.result() for name, job in running.items()}) == load.sent
        load.found()
        assert load.total() == load.sent.total()
        again = engines.sent_again()
        faults.count_duplicates()
        print(
            f"{load.sent.total()} lines, {load.resent} requests sent again, {again} chunks twice on the wire, "
            f"{faults.duplicates} rows left out as duplicates by the processors that could still say so"
        )
        assert again > 0, "something was there to be left out"
        assert _metric(agent, "logd_agent_sent_lines_total") == load.sent["file"]
        status = api.request("GET", "/api/v1/status", headers=made.header).json()
        assert status["transport"].get("dead-letters", {"messages": 0})["messages"] == 0
        for server in (agent, processor, api):
            assert server.terminate() == 0, server.log()
        audited = engines.audit()
        print(audited.out)
        assert audited.code == 0, audited


def _ready(server: Server) -> None:
    until(lambda: server.get("/readyz").status == 200, lambda: f"it is ready: {server.get('/readyz').body!r}")


def _not_ready(server: Server, reason: str) -> None:
    """And it says why."""
    until(
        lambda: reason in server.get("/readyz").body.decode(),
        lambda: f"/readyz says {reason!r}: {server.get('/readyz').body!r}",
    )


def _metric(server: Server, name: str) -> int:
    """The value of a counter without labels."""
    lines = server.get("/metrics").body.decode().splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return int(float(value))
