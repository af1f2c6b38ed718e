"""Searches over HTTP: filters, times, order, pages and totals, over rows in segments and rows in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.process import SEARCH, Server, until

_START = datetime(2026, 11, 20, 23, 59, 0, tzinfo=UTC)
_SERVICES = ("checkout", "payment", "cart, with comma", "Größe")
_LEVELS = ("INFO", "WARN", "ERROR", None)
_MANY = 10_001


def _time(n: int) -> str:
    return (_START + timedelta(seconds=n)).isoformat()


def _line(n: int) -> dict[str, Any]:
    """Line n of 120, a second apart, over midnight; four services, four levels, three hosts."""
    return {
        "timestamp": _time(n),
        "service": _SERVICES[n % 4],
        "level": _LEVELS[n // 4 % 4],
        "host": f"host-{n % 3}",
        "message": f"line number{n} of {'even' if n % 2 == 0 else 'odd'} Timeout-{n % 5}",
        "code": n % 10,
    }


_LINES = [_line(n) for n in range(120)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The first 60 lines and 10,001 others are in segments, then come 60 lines in memory."""
    with Server(tmp_path_factory.mktemp("search"), settings={"parse.join_seconds": 0.02}) as running:
        assert running.ingest("lines", _LINES[:60]) == 60
        same = [{"timestamp": _time(-n), "message": f"many {n % 10}"} for n in range(_MANY)]
        assert running.ingest("many", same) == _MANY
        assert running.terminate() == 0
        running.restart()
        assert running.ingest("lines", _LINES[60:]) == 60
        running.settle()
        yield running


def _named(parameter: Any) -> str:
    return "as" if callable(parameter) else str(parameter)


def _found(server: Server, **parameters: Any) -> list[int]:
    """The numbers of the lines found, newest first; their total is checked."""
    services = {} if "service" in parameters else {"q": "line"}
    answer = server.search(**{"limit": 1_000, **services, **parameters})
    assert answer["total_relation"] == "eq"
    assert answer["total_hits"] == len(answer["logs"])
    numbers = [int(record["message"].split()[1].removeprefix("number")) for record in answer["logs"]]
    return [n for n in numbers if n >= 0]


def _expected(condition: Any) -> list[int]:
    return [n for n in reversed(range(120)) if condition(n)]


def test_a_record_in_full(server: Server) -> None:
    (record,) = server.search(q="number7")["logs"]
    assert datetime.fromisoformat(record.pop("ingested_at")) > datetime(2026, 1, 1, tzinfo=UTC)
    assert len(record.pop("log_id")) == 16 + 1 + 12
    assert record == {
        "timestamp": "2026-11-20T23:59:07.000Z",
        "level": "WARN",
        "service": "Größe",
        "host": "host-1",
        "source": "http",
        "message": "line number7 of odd Timeout-2",
        "metadata": {"code": 7},
        "tags": [],
        "trace_id": None,
    }


def test_only_some_fields(server: Server) -> None:
    (record,) = server.search(q="number7", fields="message,metadata.code,nothing,level")["logs"]
    assert record == {"message": "line number7 of odd Timeout-2", "metadata": {"code": 7}, "level": "WARN"}
    (record,) = server.search(q="number7 AND service:Größe", fields=["host", "code"])["logs"]
    assert record == {"host": "host-1", "metadata": {"code": 7}}
    pages = [server.search(q="line", fields="message", limit=50)]
    while pages[-1]["next_cursor"]:
        pages.append(server.search(q="line", fields="message", limit=50, cursor=pages[-1]["next_cursor"]))
    assert [len(page["logs"]) for page in pages] == [50, 50, 20]
    assert all(list(record) == ["message"] for page in pages for record in page["logs"])


def test_highlights(server: Server) -> None:
    asked = {"q": "(number7 OR /time.*/) AND service:Größe", "level": "WARN", "highlight": "true"}
    hits = server.search(**asked, limit=1_000)["logs"]
    (record,) = (one for one in hits if "number7 " in one["message"])
    assert record["highlights"] == {"message": [[5, 12], [20, 27]], "service": [[0, 5]]}
    sent = {"message": "m", "user": {"id": "u_7"}, "trace_id": "t7"}
    server.ingest("lit", [sent])
    server.settle()
    (lit,) = server.search(q="service:lit AND user.id:u_* AND trace_id:t7", highlight="true")["logs"]
    assert lit["highlights"] == {
        "service": [[0, 3]],
        "metadata.user.id": [[0, 3]],
        "trace_id": [[0, 2]],
        "metadata.trace_id": [[0, 2]],
    }
    assert all(one["message"][slice(*one["highlights"]["message"][-1])] == "Timeout" for one in hits)
    (record,) = server.search(**{**asked, "q": "number7"}, fields="message,level")["logs"]
    assert record == {"message": record["message"], "level": "WARN", "highlights": {"message": [[5, 12]]}}
    (record,) = server.search(q="number7", fields="level", highlight="true")["logs"]
    assert record == {"level": "WARN", "highlights": {}}
    assert "highlights" not in server.search(q="number7", highlight="false")["logs"][0]


def test_newest_first(server: Server) -> None:
    assert _found(server) == list(reversed(range(120)))


def test_lines_of_one_moment_by_their_id(server: Server) -> None:
    server.ingest("moment", [{"timestamp": _time(0), "message": f"{n}"} for n in range(100)])
    server.settle()
    ids = [record["log_id"] for record in server.search(service="moment", limit=1_000)["logs"]]
    assert len(ids) == 100
    assert ids == sorted(ids, reverse=True)


def test_a_service_with_a_comma(server: Server) -> None:
    for service in ("a,b", "a", "b"):
        server.ingest(service, [{"timestamp": _time(0), "message": "comma"}])
    server.settle()

    def found(*services: str) -> set[str]:
        return {record["service"] for record in server.search(q="comma", service=services)["logs"]}

    assert found("a,b") == {"a", "b"}
    assert found(r"a\,b") == {"a,b"}
    assert found(r"a\,b", "a") == found(r"a\,b,a") == {"a,b", "a"}


@pytest.mark.parametrize(
    ("parameters", "condition"),
    [
        ({"service": "payment"}, lambda n: n % 4 == 1),
        ({"service": "payment,checkout"}, lambda n: n % 4 < 2),
        ({"service": ["payment", "checkout"]}, lambda n: n % 4 < 2),
        ({"service": ["payment, checkout", "Größe"]}, lambda n: n % 4 != 2),
        ({"service": "PAYMENT"}, lambda n: False),
        ({"service": "nobody"}, lambda n: False),
        ({"level": "ERROR", "service": "payment"}, lambda n: n % 4 == 1 and n // 4 % 4 == 2),
        ({"level": "error,Warning", "service": "payment"}, lambda n: n % 4 == 1 and n // 4 % 4 in (1, 2)),
        ({"level": ["warn", "ERROR"], "service": "payment"}, lambda n: n % 4 == 1 and n // 4 % 4 in (1, 2)),
        ({"host": "host-2"}, lambda n: n % 3 == 2),
        ({"host": "host-2,host-0", "service": "payment"}, lambda n: n % 4 == 1 and n % 3 != 1),
        ({"q": "number7 OR number8"}, lambda n: n in (7, 8)),
        ({"q": "line AND even AND NOT number4"}, lambda n: n % 2 == 0 and n != 4),
        ({"q": '"odd timeout"'}, lambda n: n % 2 == 1),
        ({"q": "TIMEOUT AND (number3 OR number77)"}, lambda n: n in (3, 77)),
        ({"q": "service:payment AND level:error"}, lambda n: n % 4 == 1 and n // 4 % 4 == 2),
        ({"q": "code:3 AND line"}, lambda n: n % 10 == 3),
        ({"q": "metadata.code:3 AND line"}, lambda n: n % 10 == 3),
        ({"q": "even", "service": "checkout", "host": "host-0"}, lambda n: n % 4 == 0 and n % 3 == 0),
        ({"q": "number1*"}, lambda n: str(n).startswith("1")),
        ({"q": "*ber?5"}, lambda n: n % 10 == 5 and 10 < n < 100),
        ({"q": "line AND service:pay*t"}, lambda n: n % 4 == 1),
        ({"q": "/number[1-3]./"}, lambda n: 10 <= n < 40),
        ({"q": "message.raw:/number[0-9]7 of (odd|x) Time/"}, lambda n: n % 10 == 7 and 10 < n < 100),
        ({"q": 'message.raw:"number7 of"'}, lambda n: n == 7),
        ({"q": "line AND host:/.*-[01]/"}, lambda n: n % 3 < 2),
        ({"q": "nubmer7~1 AND number7"}, lambda n: n == 7),
        ({"q": "timeuot~ AND even"}, lambda n: n % 2 == 0),
        ({"q": '"timeout odd"~2'}, lambda n: n % 2 == 1),
        ({"q": '"line odd"~2'}, lambda n: n % 2 == 1),
        ({"q": '"line odd"~1'}, lambda n: False),
        ({"q": "line AND code:[3 TO 5}"}, lambda n: n % 10 in (3, 4)),
        ({"q": "line AND metadata.code:(>=8 OR <1)"}, lambda n: n % 10 in (0, 8, 9)),
        ({"q": "line AND level:>=WARN"}, lambda n: n // 4 % 4 in (1, 2)),
        ({"q": "line AND NOT _exists_:level"}, lambda n: n // 4 % 4 == 3),
        ({"q": "line AND code:* AND NOT code:9"}, lambda n: n % 10 != 9),
        ({"q": f'line AND timestamp:["{_time(10)}" TO "{_time(12)}"]'}, lambda n: 10 <= n <= 12),
        ({"q": "line AND timestamp:2026-11-21"}, lambda n: n >= 60),
        ({"q": "line AND @timestamp:<=2026-11-20"}, lambda n: n < 60),
        ({"q": "line AND NOT timestamp:[2026-11-20T23:59:30 TO 2026-11-21||+1m}"}, lambda n: n < 30),
        ({"q": "line number7", "default_operator": "AND"}, lambda n: n == 7),
        ({"q": "number7 number8", "default_operator": "or"}, lambda n: n in (7, 8)),
    ],
    ids=_named,
)
def test_filters_and_queries(server: Server, parameters: dict[str, Any], condition: Any) -> None:
    assert _found(server, **parameters) == _expected(condition)


@pytest.mark.parametrize(
    ("times", "condition"),
    [
        ({"from_": _time(50)}, lambda n: n >= 50),
        ({"to": _time(50)}, lambda n: n < 50),
        ({"from_": _time(50), "to": _time(70)}, lambda n: 50 <= n < 70),
        ({"from_": _time(50), "to": _time(50)}, lambda n: False),
        ({"from_": "2026-11-21"}, lambda n: n >= 60),
        ({"from_": "2026-11-21T01:00:10+01:00"}, lambda n: n >= 70),
        ({"to": "2026-11-21"}, lambda n: n < 60),
        ({"from_": str(int(_START.timestamp()) + 50)}, lambda n: n >= 50),
        ({"from_": str(int(_START.timestamp() + 50) * 1_000)}, lambda n: n >= 50),
        ({"from_": "2026-11-20T23:59:49.000001Z"}, lambda n: n >= 50),
    ],
    ids=_named,
)
def test_absolute_times(server: Server, times: dict[str, str], condition: Any) -> None:
    assert _found(server, **times) == _expected(condition)


def test_relative_times(server: Server) -> None:
    now = datetime.now(UTC)
    ages = (0, 10, 30, 90)  # minutes
    server.ingest("ages", [{"timestamp": (now - timedelta(minutes=age)).isoformat(), "message": age} for age in ages])
    server.settle()

    def found(**times: str) -> list[int]:
        return [int(record["message"]) for record in server.search(service="ages", **times)["logs"]]

    assert found() == [0, 10, 30, 90]
    assert found(from_="-15m") == [0, 10]
    assert found(from_="now-1h", to="now") == [0, 10, 30]
    assert found(from_="-2h", to="-20m") == [30, 90]
    assert found(to="-1h") == [90]
    assert found(from_="-5m", to="+5m") == [0]


def test_total_of_more_than_ten_thousand(server: Server) -> None:
    answer = server.search(service="many", limit=1)
    assert (answer["total_hits"], answer["total_relation"]) == (10_000, "gte")
    answer = server.search(service="many", limit=0)
    assert (answer["total_hits"], answer["total_relation"], answer["logs"]) == (10_000, "gte", [])
    answer = server.search(service="many", limit=1, track_total_hits="true")
    assert (answer["total_hits"], answer["total_relation"]) == (_MANY, "eq")
    answer = server.search(service="many", limit=1, track_total_hits="false")
    assert "total_hits" not in answer
    assert "total_relation" not in answer
    assert len(answer["logs"]) == 1


def test_total_of_exactly_ten_thousand(server: Server) -> None:
    oldest_but_one = _time(-(_MANY - 2))
    answer = server.search(service="many", from_=oldest_but_one, limit=1)
    assert (answer["total_hits"], answer["total_relation"]) == (10_000, "eq")


def test_the_last_page(server: Server) -> None:
    answer = server.search(service="many", offset=9_990, limit=10)
    assert [record["timestamp"][:19] for record in answer["logs"]] == [_time(-n)[:19] for n in range(9_990, 10_000)]
    assert (answer["total_hits"], answer["total_relation"]) == (10_000, "gte")


@pytest.mark.parametrize("size", [1, 7, 50, 120])
def test_pages_are_the_whole(server: Server, size: int) -> None:
    numbers: list[int] = []
    for offset in range(0, 130, size):
        answer = server.search(q="line", offset=offset, limit=size)
        assert answer["total_hits"] == 120
        numbers += [int(record["message"].split()[1].removeprefix("number")) for record in answer["logs"]]
    assert numbers == list(reversed(range(120)))


def test_fifty_unless_told(server: Server) -> None:
    assert len(server.search(service="many")["logs"]) == 50


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"limit": "ten"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"offset": "1.5"}, "offset"),
        ({"offset": "9999", "limit": "2"}, "offset"),
        ({"from_": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"from_": "now", "to": "-1h"}, "from"),
        ({"track_total_hits": "maybe"}, "track_total_hits"),
        ({"service_id": "x"}, "service_id"),
        ({"q": "(a OR"}, "q:4"),
        ({"q": '"open'}, "q:1"),
        ({"q": "x:>"}, "q:3"),
        ({"q": "a foo~5"}, "q:6"),
        ({"q": "message.raw:/(a+)+(?=b)/"}, "q:19"),
        ({"q": "message.raw:/a{1000}{1000}/"}, "q:21"),
        ({"q": "timestamp:[tomorrow TO *]"}, "q:11"),
        ({"q": "a " * 50_000}, "q:32768"),
        ({"q": "a " * 10_000}, "q:2049"),
        ({"q": "a", "default_operator": "xor"}, "default_operator"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_parameters(server: Server, parameters: dict[str, str], where: str) -> None:
    answer = server.get(SEARCH, **parameters)
    assert answer.status == 400
    error = answer.json()["error"]
    assert sorted(error) == ["code", "message", "where"]
    assert error["where"] == where
    assert error["message"]


def test_other_addresses_and_methods(server: Server) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/api/v1/logs/ingest", 405), ("PUT", SEARCH, 405)):
        answer = server.request(method, path)
        assert answer.status == status
        assert sorted(answer.json()["error"]) == ["code", "message", "where"]


def test_health(server: Server) -> None:
    assert server.get("/healthz").json() == {"status": "ok"}
    assert server.get("/readyz").json() == {"status": "ready"}


def test_metrics(server: Server) -> None:
    def samples() -> dict[str, float]:
        answer = server.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        lines = answer.body.decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    before = samples()
    server.ingest("measured", [{"message": "a"}] * 7)
    server.settle()
    server.get(SEARCH, q="(")
    after = samples()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown["logd_ingest_lines_total"] == 7 + 1
    assert grown["logd_parse_lines_total"] == 7 + 1
    assert grown["logd_index_rows_total"] == 7 + 1
    assert grown['logd_search_failed_total{reason="QueryError"}'] == 1
    assert grown["logd_search_seconds_count"] >= 1
    assert after["logd_processor_lag_messages"] == 0


def test_status(server: Server) -> None:
    server.ingest("seen", [{"message": "a"}])
    server.settle()
    status = server.get("/api/v1/status").json()
    assert status["roles"] == ["agent", "processor", "api", "archiver"]
    assert status["processor"]["lag_messages"] == 0
    stages = status["stages"]
    assert {name: (stage["capacity"], stage["unit"]) for name, stage in stages.items()} == {
        "agent.round": (12_582_912, "bytes"),
        "api.bodies": (134_217_728, "bytes"),
        "transport.append": (67_108_864, "bytes"),
        "processor.parse": (1, "batches"),
        "index.recent": (96_000, "rows"),
        "index.recent_bytes": (67_108_864, "bytes"),
    }
    assert {stage["blocked_seconds"] for stage in stages.values()} == {0}
    assert stages["index.recent"]["held"] == status["index"]["recent_rows"]
    assert stages["index.recent_bytes"]["held"] == status["index"]["recent_bytes"]
    assert [stages[name]["held"] for name in ("agent.round", "api.bodies", "transport.append")] == [0, 0, 0]
    metrics = server.get("/metrics").body.decode()
    assert 'logd_stage_capacity{stage="api.bodies",unit="bytes"} 1.34217728e+08' in metrics
    assert 'logd_stage_held{stage="processor.parse",unit="batches"} 0.0' in metrics
    assert 'logd_stage_blocked_seconds_total{stage="index.recent"} 0.0' in metrics
    assert status["transport"]["raw-logs"]["groups"]["processor"]["lag"] >= 0
    assert status["index"]["rows"] >= 120 + _MANY
    assert status["index"]["recent_rows"] >= 60


def test_rows_go_to_segments_by_age(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Server(tmp_path_factory.mktemp("age"), settings={"index.flush_seconds": 0.1}) as server:
        server.ingest("old", [{"message": "a", "timestamp": _time(0)}, {"message": "b", "timestamp": _time(100)}])
        until(lambda: server.get("/api/v1/status").json()["index"]["segments"] >= 2, "a segment for each day")
        assert [record["message"] for record in server.records("old")] == ["a", "b"]


def test_the_queue_gives_up_what_is_in_segments(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All of it, though nothing comes any more: 3,000 messages, as none is larger than a line may be."""
    settings = {"index.flush_seconds": 0.2, "ingest.max_line_bytes": 1_024}
    with Server(tmp_path_factory.mktemp("queue"), settings=settings) as server:

        def queue() -> dict[str, Any]:
            status: dict[str, Any] = server.get("/api/v1/status").json()["transport"]["raw-logs"]
            return status

        assert server.ingest("queued", [{"message": f"{n:0900}", "timestamp": _time(0)} for n in range(3_000)]) == 3_000
        assert queue()["next_position"] > 3_000
        until(lambda: queue()["messages"] == 0, "the queue is empty", 30)
        assert queue()["groups"]["processor"]["lag"] == 0
        assert len(server.records("queued")) == 3_000


@pytest.mark.parametrize(("name", "most"), [("service", 1_000), ("host", 1_000), ("level", 50)])
def test_filters_have_so_many_values_at_most(server: Server, name: str, most: int) -> None:
    values = [f"v{number}" for number in range(most + 1)]
    assert server.search(**{name: values[:most]})["total_hits"] == 0
    answer = server.get(SEARCH, **{name: values})
    assert (answer.status, answer.json()["error"]["where"]) == (400, name)
