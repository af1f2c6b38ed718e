"""Agents whose files rotate, while agents, their target and their disks are killed, filled and set back: every line of
every file is found exactly once, and nothing else is."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.services import running
from tests.support.commands import logd
from tests.support.hosts import Hosts, log_names, running_hosts
from tests.support.load import writers
from tests.support.oracle import Load
from tests.support.process import Server, free_port, until

#: Only root can mount a disk; in CI the tests run as root.
_DISKS = os.getuid() == 0 or bool(os.environ.get("CI"))


def _run(load: Load, hosts: Hosts, faults: list[tuple[str, Callable[[], object]]]) -> None:
    """One fault after the other; after each all that was written is found once, and files are rotated."""
    with writers(hosts.jobs(), load.end) as running:
        for name, fault in faults:
            started = time.monotonic()
            fault()
            over = time.monotonic()
            count = load.found().total()
            took = f"{over - started:.1f} s of it, {time.monotonic() - over:.1f} s to catch up"
            print(f"{name}: {took}, {count} lines are there once", flush=True)
            hosts.rotated()
    assert Counter({name: job.result() for name, job in running.items()}) == load.sent
    load.found()
    assert load.total() == load.sent.total()
    hosts.check()
    print(f"{load.sent.total()} lines, {hosts.rotations()} rotations, {hosts.kills} kills of agents", flush=True)


@pytest.mark.timeout(3_600)
def test_on_one_machine(tmp_path: Path, long: bool) -> None:
    """Two hosts send to a server with SQLite."""
    listen = f"127.0.0.1:{free_port()}"
    settings = {"api.listen": listen, "parse.join_seconds": 0.05, "index.flush_seconds": 0.5}
    server = Server(tmp_path / "server", settings=settings, roles="processor,api")
    targets = {name: {"agent.server": f"http://{listen}"} for name in ("web", "db")}
    load = Load(server, names=log_names(list(targets)))

    def server_killed() -> None:
        server.kill()
        server.check_ledger()
        server.restart()

    with server, running_hosts(tmp_path, load, targets, _DISKS, long) as hosts:
        _run(
            load,
            hosts,
            [
                ("nothing", hosts.nothing),
                ("agents killed", hosts.killed),
                ("server away", partial(hosts.away, server.kill, server.restart)),
                ("server killed", server_killed),
                ("disks full", partial(hosts.disk_full, server.kill, server.restart)),
                ("hosts restored", hosts.restored),
            ],
        )
        assert server.terminate() == 0
        audited = logd("audit", data_dir=server.data_dir)
        print(audited.out)
        assert audited.code == 0, audited


@pytest.mark.servers("kafka", "elasticsearch")
@pytest.mark.timeout(3_600)
def test_on_a_cluster(tmp_path: Path, long: bool) -> None:
    """One host sends to Kafka itself, one to the first of two servers, or the other."""
    with ThreadPoolExecutor(2) as threads, ExitStack() as stack:
        # A server lives as long as the thread that started it, and these live as long as this.
        engines = {name: running(name, tmp_path / name) for name in ("kafka", "elasticsearch")}
        starting = [threads.submit(engine.__enter__) for engine in engines.values()]
        for engine in engines.values():
            stack.callback(engine.kill)
        for one in starting:
            one.result()
        kafka, elasticsearch = engines.values()
        queue: dict[str, Any] = {
            "transport.type": "kafka",
            "transport.kafka.servers": kafka.url,
            "transport.kafka.partitions": 3,
            "transport.kafka.replication": 1,
            "transport.kafka.connect_seconds": 2,
        }
        settings = {
            **queue,
            "index.type": "elasticsearch",
            "index.elasticsearch.urls": json.dumps([elasticsearch.url]),
            "index.elasticsearch.replicas": 0,
            "index.elasticsearch.shards": 1,
        }
        processor = stack.enter_context(
            Server(tmp_path / "processor", settings={**settings, "telemetry.listen": "127.0.0.1:0"}, roles="processor")
        )
        listens = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        first, second = (
            stack.enter_context(Server(tmp_path / f"api-{n}", settings={**settings, "api.listen": listen}, roles="api"))
            for n, listen in enumerate(listens)
        )
        for server in (processor, first, second):
            server.may_log_errors = True
        urls = [f"http://{listen}" for listen in listens]
        targets: dict[str, dict[str, Any]] = {"direct": queue, "http": {"agent.servers": json.dumps(urls)}}
        load = Load(second, names=log_names(list(targets)))
        hosts = stack.enter_context(running_hosts(tmp_path, load, targets, _DISKS, long))

        def first_api_killed() -> None:
            first.kill()
            until(lambda: f"chunks go to {urls[1]} from now on" in hosts.log("http"), "the other server is used")
            load.more()
            first.restart()
            until(lambda: f"chunks go to {urls[0]} again" in hosts.log("http"), "the first is used again")

        def processor_killed() -> None:
            processor.kill()
            load.more()
            processor.restart()

        _run(
            load,
            hosts,
            [
                ("nothing", hosts.nothing),
                ("agents killed", hosts.killed),
                ("Kafka away", partial(hosts.away, kafka.kill, kafka.start)),
                ("first api killed", first_api_killed),
                ("processor killed", processor_killed),
                ("disks full", partial(hosts.disk_full, kafka.kill, kafka.start)),
                ("hosts restored", hosts.restored),
            ],
        )
        for server in (processor, first, second):
            assert server.terminate() == 0
        sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        audited = logd("audit", *sets, data_dir=tmp_path / "audit")
        print(audited.out)
        assert audited.code == 0, audited
