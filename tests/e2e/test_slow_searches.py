"""GET /api/v1/slow_searches: all kinds of searches of a real server, and who sees whose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.access import Made, token
from tests.support.alerts import make_rule
from tests.support.process import JSON, SEARCH, Server, until

_PATH = "/api/v1/slow_searches"
_LOGS = "/api/v1/logs"


def _slow(server: Server, made: Made | None = None) -> list[dict[str, Any]]:
    answer = server.request("GET", _PATH, None, made.header if made else None)
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json()["searches"]
    return found


def test_every_kind(tmp_path: Path) -> None:
    with Server(tmp_path, settings={"search.slow_seconds": 1e-9}, roles="processor,api") as server:
        assert _slow(server) == []
        server.ingest("a", [{"message": "line", "log_id": "x", "user": 1}])
        server.settle()
        before = len(_slow(server))
        for path, parameters in (
            (SEARCH, {"q": "line", "service": "a", "from_": "-1h"}),
            (f"{_LOGS}/histogram", {"q": "line"}),
            (f"{_LOGS}/stats", {"by": "service"}),
            (f"{_LOGS}/fields", {}),
            (f"{_LOGS}/fields/user/values", {}),
            (f"{_LOGS}/patterns", {}),
            (f"{_LOGS}/export", {"q": "line"}),
            (f"{_LOGS}/x", {}),
            (f"{_LOGS}/x/context", {}),
            (f"{_LOGS}/explain", {"q": "line"}),
        ):
            assert server.get(path, **parameters).status == 200, path
        rule = make_rule(server, name="r", condition={"query": "line", "threshold": 1})
        tested = json.dumps({"rule_id": rule["rule_id"], "from": "-1h"}).encode()
        assert server.request("POST", "/api/v1/alerts/rules/test", tested, JSON).status == 200
        # Not those that ask nothing of the index.
        assert server.get(SEARCH, q="a AND (").status == 400
        assert server.get("/api/v1/status").status == 200
        found = _slow(server)
        assert len(found) == before + 11
        kinds = {one["kind"]: one for one in found if one["parameters"].get("service") != "settle"}
        assert {*kinds} == {
            "search", "histogram", "stats", "fields", "values", "patterns", "export", "record", "context", "explain",
            "backtest",
        }  # fmt: skip
        assert kinds["search"]["parameters"] == {"q": "line", "service": "a", "from": "-1h"}
        assert kinds["values"]["parameters"] == {"name": "user"}
        assert kinds["record"]["parameters"] == {"log_id": "x"}
        assert kinds["backtest"]["parameters"] == {"rule": "r"}
        assert {(one["status"], one["token"]) for one in found} == {("done", None)}
        assert kinds["search"]["plan"]["engine"]
        assert kinds["export"]["plan"] is None
        times = [one["took_ms"] for one in found]
        assert times == sorted(times, reverse=True)
        assert all(one["waited_ms"] <= one["took_ms"] + 1 for one in found)
        median = sorted(times)[5]
        assert {one["took_ms"] >= median - 1 for one in server.get(_PATH, min_ms=median).json()["searches"]} == {True}
        assert server.get(_PATH, min_ms=3_600_000).json()["searches"] == []
        assert server.get(_PATH, min_ms="long").json()["error"]["where"] == "min_ms"
        server.get(f"{_LOGS}/stats", by="service", timeout="1ms")
        assert {one["status"] for one in _slow(server)} <= {"done", "timed_out", "failed"}
        for _ in range(120):
            server.get(SEARCH, q="line", max_age=0)
        assert len(_slow(server)) == 100


def test_who_sees_whose(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor,api") as server:
        whole, admin = token(server.data_dir, "search"), token(server.data_dir, "admin")
        cart = token(server.data_dir, "search", "--service", "cart")
        host = token(server.data_dir, "search", "--host", "h")
        until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
        for made, query in ((whole, "secret"), (cart, "carts"), (host, "hosts")):
            assert server.request("GET", f"{SEARCH}?q={query}", None, made.header).status == 200

        def queries(made: Made) -> set[str]:
            return {one["parameters"]["q"] for one in _slow(server, made)}

        assert queries(whole) == queries(admin) == {"secret", "carts", "hosts"}
        assert (queries(cart), queries(host)) == ({"carts"}, {"hosts"})
        assert {one["token"] for one in _slow(server, whole)} == {"test"}
        assert {one["plan"] for one in _slow(server, whole)} == {None}  # none was slow
