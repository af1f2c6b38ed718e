"""Figures of groups, fields and their values over HTTP and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.process import JSON, Answer, Server
from tests.support.terminal import on_a_terminal, run

STATS = "/api/v1/logs/stats"
FIELDS = "/api/v1/logs/fields"
_COUNT = 2_000
_OURS = {"service": "pay,cart"}  # the server may have lines of its own


def _line(n: int) -> dict[str, Any]:
    """One a minute."""
    return {
        "timestamp": f"2026-11-{20 + n // 1_440:02}T{n // 60 % 24:02}:{n % 60:02}:00Z",
        "level": "ERROR" if n % 10 == 0 else "INFO",
        "message": "paid" if n % 2 else "failed",
        "latency_ms": n if n % 4 else f"{n}",
        "user": {"id": f"u{n % 7}"} if n % 2 else None,
        "a/b,c": "x",
        "tags": ["t", "u"] if n % 5 == 0 else [],
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"parse.join_seconds": 0.02, "search.concurrent": 2}
    with Server(tmp_path_factory.mktemp("stats"), settings=settings) as running:
        for service, first in (("pay", 0), ("cart", 1), ("cart", 2)):
            running.ingest(service, [_line(n) for n in range(first, _COUNT, 3)])
        running.settle()
        yield running


def _asked(server: Server, path: str = STATS, **parameters: Any) -> dict[str, Any]:
    answer = server.get(path, **_OURS, **parameters)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    assert found.pop("took_ms") >= 0
    return found


class TestStats:
    def test_of_all(self, server: Server) -> None:
        figures = "distinct(x)", "min(latency_ms)", "avg(metadata.latency_ms)", "sum(x)"
        found = _asked(server, aggregate=", ".join(figures))
        assert found == {
            "total_hits": _COUNT,
            "groups": [
                {"values": {}, "count": _COUNT, "stats": dict(zip(figures, (0, 0.0, 999.5, None), strict=True))}
            ],
            "other": 0,
        }

    def test_groups_by_time(self, server: Server) -> None:
        found = _asked(
            server,
            q="paid OR failed",
            by=["service", "level"],
            aggregate=["p50(latency_ms)", "max(latency_ms),distinct(user.id)"],
            interval="1d",
            top=2,
            from_="2026-11-20",
            to="2026-11-21T12:00:00Z",
        )
        assert found["interval_ms"] == 86_400_000
        truth = [_line(n) | {"n": n, "service": ("pay", "cart", "cart")[n % 3]} for n in range(_COUNT)]
        assert found["total_hits"] == _COUNT
        for group, (service, level) in zip(found["groups"], (("cart", "INFO"), ("pay", "INFO")), strict=True):
            assert group["values"] == {"service": service, "level": level}
            lines = [line for line in truth if (line["service"], line["level"]) == (service, level)]
            assert group["count"] == len(lines)
            assert group["stats"]["max(latency_ms)"] == max(line["n"] for line in lines)
            assert group["stats"]["distinct(user.id)"] == 7
            days = [bucket["start"] for bucket in group["buckets"]]
            assert days == ["2026-11-20T00:00:00.000Z", "2026-11-21T00:00:00.000Z"]
            assert [bucket["count"] for bucket in group["buckets"]] == [
                sum(line["timestamp"].startswith(day[:10]) for line in lines) for day in days
            ]
            first = sorted(line["n"] for line in lines if line["n"] < 1_440)
            middle = (first[(len(first) - 1) // 2] + first[len(first) // 2]) / 2
            assert group["buckets"][0]["stats"]["p50(latency_ms)"] == middle
        assert found["other"] == _COUNT - sum(group["count"] for group in found["groups"])
        assert "approximate" not in found

    def test_the_order_is_of_a_figure(self, server: Server) -> None:
        found = _asked(server, by="user.id", aggregate="max(latency_ms)", order="max(latency_ms)", top=2)
        assert [group["values"]["user.id"] for group in found["groups"]] == ["u4", None]
        assert [group["stats"]["max(latency_ms)"] for group in found["groups"]] == [1_999, 1_998]

    def test_the_bytes_of_services(self, server: Server) -> None:
        found = _asked(server, by="service", aggregate="bytes(message)", order="bytes(message)")
        expected = {"pay": 0, "cart": 0}
        for n in range(_COUNT):
            expected["cart" if n % 3 else "pay"] += len(_line(n)["message"].encode())
        sizes = {group["values"]["service"]: group["stats"]["bytes(message)"] for group in found["groups"]}
        assert sizes == expected
        assert "approximate" not in found

    def test_posted(self, server: Server) -> None:
        asked: dict[str, Any] = {
            "q": "level:ERROR",
            "by": ["tags", "service"],
            "aggregate": ["sum(latency_ms)"],
            "top": 3,
        }
        answer = server.request("POST", STATS, json.dumps(asked | _OURS).encode(), JSON)
        assert {**answer.json(), "took_ms": 0} == {**_asked(server, **asked), "took_ms": 0}
        assert len(answer.json()["groups"]) == 3

    @pytest.mark.parametrize(
        ("parameters", "code", "where"),
        [
            ({"by": "message"}, "bad_field", "by"),
            ({"by": "timestamp"}, "bad_field", "by"),
            ({"by": "a..b"}, "bad_field", "by"),
            ({"by": "a,b,c,d"}, "too_many_fields", "by"),
            ({"by": "a,metadata.a"}, "bad_field", "by"),
            ({"aggregate": "median(x)"}, "bad_aggregate", "aggregate"),
            ({"aggregate": "p95"}, "bad_aggregate", "aggregate"),
            ({"aggregate": "bytes(x)"}, "bad_aggregate", "aggregate"),
            ({"aggregate": "bytes"}, "bad_aggregate", "aggregate"),
            ({"aggregate": "p95()"}, "bad_field", "aggregate"),
            ({"aggregate": "p95(x) y"}, "bad_aggregate", "aggregate"),
            ({"aggregate": "max(level)"}, "bad_aggregate", "aggregate"),
            ({"aggregate": ",".join(f"max(x{n})" for n in range(21))}, "too_many_aggregates", "aggregate"),
            ({"order": "max(x)"}, "bad_choice", "order"),
            ({"interval": "1y"}, "bad_duration", "interval"),
            ({"interval": "1ms", "by": "latency_ms", "top": "1001"}, "bad_number", "top"),
            ({"q": "("}, "bad_query", "q:1"),
            ({"prefix": "x"}, "unknown_parameter", "prefix"),
        ],
        ids=str,
    )
    def test_refused(self, server: Server, parameters: dict[str, str], code: str, where: str) -> None:
        answer = server.get(STATS, **parameters)
        assert (answer.status, answer.json()["error"]["code"], answer.json()["error"]["where"]) == (400, code, where)


class TestFields:
    def test_names(self, server: Server) -> None:
        found = _asked(server, FIELDS)
        assert (found["total_hits"], found["sampled_rows"], found["more"]) == (_COUNT, _COUNT, 0)
        fields = {field.pop("name"): field for field in found["fields"]}
        assert fields["metadata.latency_ms"] == {"types": ["number", "string"], "count": _COUNT, "share": 1.0}
        assert fields["metadata.user.id"] == {"types": ["string"], "count": _COUNT // 2, "share": 0.5}
        assert fields["metadata.a/b,c"]["count"] == _COUNT
        assert fields["tags"]["share"] == 0.2
        assert fields["message"]["types"] == ["text"]
        assert "trace_id" not in fields
        few = _asked(server, FIELDS, q="failed", top=3)
        assert [field["name"] for field in few["fields"]] == ["host", "ingested_at", "level"]
        assert few["more"] == len(fields) - 1 - 3

    def test_values(self, server: Server) -> None:
        found = _asked(server, f"{FIELDS}/user.id/values", q="level:INFO", top=1)
        values = [_line(n)["user"]["id"] for n in range(_COUNT) if n % 2]
        counts = sorted((-values.count(value), value) for value in set(values))
        assert found["values"] == [{"value": counts[0][1], "count": -counts[0][0]}]
        assert found["missing"] == sum(n % 2 == 0 and n % 10 > 0 for n in range(_COUNT))
        assert found["other"] + found["values"][0]["count"] == _COUNT // 2
        levels = _asked(server, f"{FIELDS}/log.level/values", prefix="E")
        assert (levels["field"], levels["values"]) == ("log.level", [{"value": "ERROR", "count": _COUNT // 10}])
        odd = _asked(server, f"{FIELDS}/{quote('a/b,c', safe='')}/values")
        assert odd["values"] == [{"value": "x", "count": _COUNT}]

    @pytest.mark.parametrize(
        ("path", "parameters", "where"),
        [
            ("message/values", {}, "name"),
            ("timestamp/values", {}, "name"),
            ("level/values", {"prefix": "x" * 1_025}, "prefix"),
            ("level/values", {"top": "0"}, "top"),
        ],
    )
    def test_refused(self, server: Server, path: str, parameters: dict[str, str], where: str) -> None:
        answer = server.get(f"{FIELDS}/{path}", **parameters)
        assert (answer.status, answer.json()["error"]["where"]) == (400, where)


def test_answers_come_from_the_cache_by_what_was_asked(server: Server) -> None:
    past = {"from_": "2026-11-20", "to": "2026-11-21", "max_age": "30"}

    def asked(path: str = STATS, **parameters: str) -> Answer:
        return server.get(path, **past, **parameters)

    for path, parameters in ((STATS, {"by": "level"}), (FIELDS, {}), (f"{FIELDS}/level/values", {})):
        first, again = asked(path, **parameters), asked(path, **parameters)
        assert "hit" not in first.headers["cache-status"]
        assert "hit" in again.headers["cache-status"]
        assert again.body == first.body
    # The same question by another name is another answer.
    assert [*asked(by="log.level").json()["groups"][0]["values"]] == ["log.level"]


_SERVICES = ("--service", "pay,cart")


class TestCommands:
    def test_stats_in_a_pipe(self, server: Server) -> None:
        done = run(server, "stats", "level:ERROR", "--by", "service", "--max", "latency_ms", "--interval", "1d")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert (done.returncode, done.stderr, len(rows)) == (0, "", 4)
        assert rows[0] == {
            "start": "2026-11-20T00:00:00.000Z",
            "service": "cart",
            "count": 96,
            "max(latency_ms)": 1_430.0,
        }

    def test_stats_on_a_terminal(self, server: Server) -> None:
        options = (*_SERVICES, "--by", "service,user.id", "--avg", "latency_ms", "--p99", "latency_ms", "--top", "2")
        code, text = on_a_terminal(server, "stats", *options)
        lines = text.splitlines()
        assert code == 0
        assert lines[0].split() == ["service", "user.id", "count", "avg(latency_ms)", "p99(latency_ms)"]
        assert [line.split()[:3] for line in lines[1:3]] == [["cart", "-", "666"], ["pay", "-", "334"]]
        assert lines[3].startswith("2,000 hits, 1,000 in other groups, in ")

    def test_fields(self, server: Server) -> None:
        names = [
            json.loads(line)["name"] for line in run(server, "fields", *_SERVICES, "--top", "2").stdout.splitlines()
        ]
        assert names == ["host", "ingested_at"]
        code, text = on_a_terminal(server, "fields", *_SERVICES, "--query", "failed")
        assert code == 0
        assert ["metadata.latency_ms", "number,", "string", "1,000", "100.0%"] in [
            one.split() for one in text.splitlines()
        ]

    def test_values(self, server: Server) -> None:
        done = run(server, "fields", "level", "--service", "pay")
        assert [json.loads(line)["value"] for line in done.stdout.splitlines()] == ["INFO", "ERROR"]
        code, text = on_a_terminal(server, "fields", "user.id", *_SERVICES, "--prefix", "u1")
        assert code == 0
        assert text.splitlines()[-1] == "2,000 hits: 0 with other values, 1,000 without one"

    def test_what_is_wrong_is_said(self, server: Server) -> None:
        for arguments, said in (
            (["stats", "a AND"], "  a AND\n    ^\n"),
            (["stats", "--max", "level"], "logd: level has no numbers, only metadata does\n"),
            (["fields", "message"], "logd: name is 'message', expected "),
        ):
            done = run(server, *arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert said in done.stderr, done.stderr
