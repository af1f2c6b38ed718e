"""Several alerters over Kafka and MariaDB: what fires is what one alone would say, whoever comes, goes or is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.services import Running
from tests.support.alerts import ALERTS, make_rule
from tests.support.clustered import over_kafka_and_mysql
from tests.support.hooks import Hook, hook
from tests.support.process import INGEST, NDJSON, Server, until

pytestmark = [pytest.mark.servers("kafka", "mysql"), pytest.mark.timeout(900)]
SERVICES = [f"service-{number}" for number in range(8)]


@pytest.fixture
def hooked() -> Iterator[Hook]:
    with hook() as made:
        yield made


class _Cluster:
    """An api, which keeps what it takes in an index of its own, and alerters."""

    def __init__(self, folder: Path, kafka: Running, mysql: Running, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        more = {
            "alerts.shards": 3,
            "alerts.late_seconds": 1,
            "alerts.group_interval_seconds": 0,
            "alerts.notify.allow": '["127.0.0.1"]',
            "telemetry.listen": "127.0.0.1:0",
        }
        self._settings, self._environment = over_kafka_and_mysql(folder, kafka, mysql, more)
        self.api = self.server("api", "processor,api")
        self._number = 0

    def server(self, name: str, roles: str) -> Server:
        """Started."""
        made = Server(self._folder / name, roles=roles, settings=self._settings, environment=self._environment)
        return self._stack.enter_context(made)

    def alerter(self) -> Server:
        """One more."""
        self._number += 1
        return self.server(f"alerter-{self._number}", "alerter")

    def write(self, text: str, service: str, lines: int, key: str = "") -> None:
        """Accepted."""
        body = "\n".join(json.dumps({"message": text, "service": service}) for _ in range(lines)).encode()
        headers = {**NDJSON, **({"Idempotency-Key": key} if key else {})}
        answer = self.api.request("POST", INGEST, body, headers)
        assert answer.status == 202, answer


@pytest.fixture
def cluster(tmp_path: Path, kafka: Running, mysql: Running) -> Iterator[_Cluster]:
    with ExitStack() as stack:
        yield _Cluster(tmp_path, kafka, mysql, stack)


def _rule(cluster: _Cluster, hooked: Hook, name: str, threshold: int, query: str, **rule: Any) -> None:
    condition = {"query": query, "threshold": threshold, "window_seconds": 3_600}
    make_rule(cluster.api, name=name, condition=condition, action={"type": "webhook", "url": hooked.url}, **rule)


def test_each_line_counts_once_whoever_counts_it(cluster: _Cluster, hooked: Hook, long: bool) -> None:
    rounds, lines = (30 if long else 9), 5
    _rule(cluster, hooked, "enough", rounds * lines - 1, "counted", group_by=["service"])
    _rule(cluster, hooked, "too many", rounds * lines, "counted", group_by=["service"])
    _rule(cluster, hooked, "all", rounds * lines * len(SERVICES) - 1, "counted")
    _rule(cluster, hooked, "over", len(SERVICES) - 1, "over")
    alerters = [cluster.alerter()]
    for number in range(rounds):
        for service in SERVICES:
            key = f"{service}-{number}"
            cluster.write("counted", service, lines, key)
            cluster.write("counted", service, lines, key)  # its answer was lost
        match number % 9:
            case 1 | 2:
                alerters.append(cluster.alerter())
            case 4:
                alerters.pop(0).kill()
            case 6:
                assert alerters.pop(0).terminate() == 0
            case 7:
                alerters[0].kill()
                alerters[0].start()
    for service in SERVICES:
        cluster.write("over", service, 1)
    wanted = {"firing: over", "firing: all"} | {f"firing: enough (service {service})" for service in SERVICES}
    until(lambda: wanted <= set(_alerts(cluster)), lambda: f"{wanted - set(_alerts(cluster))} of {_alerts(cluster)}")
    assert set(_alerts(cluster)) == wanted
    until(lambda: len(_told(hooked)) >= len(wanted), lambda: f"they are told: {_told(hooked)}")
    assert sorted(_told(hooked)) == sorted(wanted)


def _alerts(cluster: _Cluster) -> list[str]:
    """As titles of messages have them."""
    alerts = cluster.api.get(f"{ALERTS}?samples=false").json()["alerts"]
    return [
        f"{alert['state']}: {alert['rule']}" + "".join(f" ({name} {value})" for name, value in alert["group"].items())
        for alert in alerts
    ]


def _told(hooked: Hook) -> list[str]:
    """Each group that a message names."""
    told = []
    for message in hooked.told:
        groups = [message["group"], *(other["group"] for other in message.get("others", ()))]
        told += [
            f"{message['status']}: {message['rule']['name']}"
            + "".join(f" ({name} {value})" for name, value in group.items())
            for group in groups
        ]
    return told
