"""Rules for records through a real server: what is stored is what rules leave, live tails see the same, and the ledger
adds up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from logd.config.schema import Config
from logd.roles.audit import audit
from tests.support.commands import logd
from tests.support.process import Server, until
from tests.support.tails import TailClient

_RULES: list[dict[str, Any]] = [
    {"type": "drop", "name": "health", "query": "metadata.path:/healthz"},
    {"type": "redact", "detectors": ["email"]},
    {"type": "redact", "name": "orders", "patterns": {"order": r"ORD-\d{6}"}, "action": "hash"},
    {"type": "sample", "name": "debug", "query": "level:DEBUG", "keep": 0.25},
    {"type": "set", "fields": {"environment": "prod", "tags": ["shaped"]}},
    {"type": "rename", "fields": {"usr": "user.name"}},
    {"type": "set", "services": ["old-*"], "fields": {"service": "new"}, "overwrite": True},
]
_METRICS = [
    {"name": "requests", "query": "path:*", "labels": ["service", "metadata.path"]},
    {"name": "took_seconds", "query": "took:*", "type": "histogram", "field": "took", "buckets": [0.1, 1.0]},
]
_SETTINGS = {
    "parse.join_seconds": 0.01,
    "index.flush_rows": 50,
    "index.flush_seconds": 0.2,
    "shape": json.dumps(_RULES),
    "metric": json.dumps(_METRICS),
}


def _line(number: int) -> dict[str, Any]:
    return {
        "log_id": f"id-{number}",
        "message": f"line {number} of a{number}@example.org for ORD-{number % 10:06}",
        "level": ("DEBUG", "INFO", "WARN", "ERROR")[number % 4],
        "service": ("shop", "old-shop")[number % 2],
        "path": ("/healthz", "/buy", "/look")[number % 3],
        "usr": f"u{number}",
        "took": number / 100,
    }


def _sample(server: Server, start: str) -> float:
    lines = server.get("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))


def test_what_is_stored_is_what_rules_leave(tmp_path: Path) -> None:
    environment = {"LOGD_REDACT_KEY": "a key of some length"}
    with Server(tmp_path / "server", settings=_SETTINGS, environment=environment) as server:
        tails = [TailClient(server.port, q="line").opened(), TailClient(server.port, q="line", service="new").opened()]
        for start in range(0, 240, 60):
            server.ingest("web", [_line(number) for number in range(start, start + 60)])
        shop, new = server.records("shop"), server.records("new")
        assert server.records("old-shop") == []
        stored = {record["log_id"]: record for record in [*shop, *new]}
        expected = [number for number in range(240) if number % 3]
        debug = {f"id-{number}" for number in expected if number % 4 == 0}
        assert stored.keys() - debug == {f"id-{number}" for number in expected} - debug
        assert 0 < len(debug & stored.keys()) < len(debug)
        for log_id, record in stored.items():
            number = int(log_id.removeprefix("id-"))
            assert record["message"].startswith(f"line {number} of [REDACTED:email] for [order:")
            rate = {"sample_rate": 0.25} if log_id in debug else {}
            path = _line(number)["path"]
            more = {"environment": "prod", "user.name": f"u{number}", "path": path, "took": number / 100}
            assert record["metadata"] == {**more, **rate}
            assert record["tags"] == ["shaped"]
        hashed = {record["message"].rpartition(" ")[2] for record in stored.values()}
        assert len(hashed) == 10  # as many as orders
        dropped, sampled = 80, len(debug - stored.keys())
        assert _sample(server, 'logd_shape_dropped_lines_total{rule="health"}') == dropped
        assert _sample(server, 'logd_shape_sampled_lines_total{rule="debug"}') == sampled
        assert _sample(server, 'logd_shape_redacted_values_total{detector="email"}') == 160
        assert _sample(server, "requests_total") == 240
        assert _sample(server, 'requests_total{path="/healthz",service="shop"}') == 40
        assert _sample(server, "took_seconds_count") == 240
        assert _sample(server, 'took_seconds_bucket{le="1.0"}') == 101
        until(lambda: len(tails[0].records) >= len(stored), "the live tail has all")
        until(lambda: len(tails[1].records) >= len(new), "the live tail of a service has all")
        assert {record["log_id"]: record for record in tails[0].records} == stored
        assert {record["log_id"]: record for record in tails[1].records} == {one["log_id"]: one for one in new}
        for tail in tails:
            tail.close()
        # The same lines again: what was left out is again, what was kept is a duplicate.
        server.ingest("web", [_line(number) for number in range(240)])
        assert server.records("shop") == shop
        until(lambda: not server.get("/api/v1/status").json()["index"]["recent_rows"], "all is flushed")
        server.check_ledger()
        assert server.terminate() == 0
    server.check_ledger()
    processor = next(entry for entry in audit(Config(data_dir=str(server.data_dir))) if entry.stage == "processor")
    assert (processor.dropped, processor.sampled) == (2 * dropped, 2 * sampled)
    assert processor.duplicates == len(stored)
    done = logd("audit", data_dir=server.data_dir)
    assert done.code == 0
    header, row = done.out.splitlines()[0], done.out.splitlines()[2]
    assert "dropped  sampled" in header
    assert row.split()[:7] == [
        "processor",
        str(processor.taken),
        str(processor.given),
        str(len(stored)),
        "0",
        str(2 * dropped),
        str(2 * sampled),
    ]


def test_a_lookup_is_read_again_while_the_server_runs(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("id,name\n1,first\n")
    rule = {"type": "lookup", "file": str(file), "key": "id", "field": "customer", "prefix": "customer."}
    settings = {"parse.join_seconds": 0.01, "shape": json.dumps([rule])}
    with Server(tmp_path / "server", settings=settings) as server:

        def newest() -> Any:
            server.ingest("shop", [{"message": "x", "customer": 1}])
            server.settle()
            return server.search(service="shop", limit=1)["logs"][0]["metadata"].get("customer.name")

        assert newest() == "first"
        new = tmp_path / "new.csv"
        new.write_text("id,name\n1,second\n")
        os.replace(new, file)
        until(lambda: newest() == "second", "the new file counts")
        file.write_text("broken")
        until(lambda: newest() and "goes on with what was read before" in server.log(), "the broken file is told of")
        assert newest() == "second"


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"type": "drop", "query": "a:("}, "shape[0] 'drop-1' (drop): "),
        ({"type": "lookup", "file": "/nowhere.csv", "key": "a", "field": "b"}, "file '/nowhere.csv' can't be read: no"),
        ({"type": "dropp"}, 'shape[0].type is "dropp" on the command line, expected "copy" or "drop" or'),
        ({"type": "redact", "detectors": ["mail"]}, "detector 'mail', expected one of credit_card"),
        ({"type": "redact", "action": "hash"}, "a hash needs a key, in key_file or in $LOGD_REDACT_KEY"),
    ],
)
def test_a_wrong_rule_is_refused_by_check_and_by_the_server(
    tmp_path: Path, rule: dict[str, Any], sentence: str
) -> None:
    done = logd("config", "check", "--set", f"shape={json.dumps([rule])}", data_dir=tmp_path)
    assert (done.code, done.error.count("\n")) == (2, 1)
    assert sentence in done.error
    server = Server(tmp_path, settings={"shape": json.dumps([rule])})
    server.launch()
    assert server.wait() == 2
    assert sentence in server.log()


def test_a_wrong_metric_is_refused(tmp_path: Path) -> None:
    metric = {"name": "logd_mine", "query": "a"}
    done = logd("config", "check", "--set", f"metric={json.dumps([metric])}", data_dir=tmp_path)
    assert (done.code, done.error.count("\n")) == (2, 1)
    assert "metric[0] 'logd_mine': name isn't one that Prometheus takes" in done.error


def test_what_is_left_out_is_counted_once_through_kills(tmp_path: Path) -> None:
    """The counts move with the index's position: lines that are read again are counted again only where they had not
    been."""
    rules = [{"type": "drop", "query": "n:3"}, {"type": "sample", "query": "level:DEBUG", "keep": 0.5}]
    settings = {**_SETTINGS, "shape": json.dumps(rules), "metric": "[]", "index.flush_seconds": 0.05}
    server = Server(tmp_path / "server", settings=settings)
    with server:
        for round_ in range(6):
            for start in range(0, 200, 20):
                lines = [{"n": number % 10, "level": "DEBUG", "message": "x"} for number in range(start, start + 20)]
                server.ingest(f"round-{round_}", lines)
            server.kill()
            server.check_ledger()
            server.restart()
        server.settle()
        assert server.terminate() == 0
    server.check_ledger()
    processor = next(entry for entry in audit(Config(data_dir=str(server.data_dir))) if entry.stage == "processor")
    assert processor.dropped == 6 * 20
    assert processor.given + processor.sampled == processor.taken - processor.dropped
    assert 0.4 < processor.sampled / (6 * 180) < 0.6
