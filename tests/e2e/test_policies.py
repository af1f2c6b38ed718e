"""A policy that is made while a processor runs, through the real server and its segments."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from logd.flow.clock import now_us
from tests.support.process import JSON, Server, until

_QUICK = {"index.flush_seconds": 0.1, "parse.join_seconds": 0.01}


def test_lines_go_to_a_policy_once_it_is_in_force(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_QUICK, roles="processor,api") as server:
        server.ingest("payment", [{"message": "before"}])
        server.settle()
        body = {"service": "pay*", "name": "pay", "hot_days": 7, "warm_days": 30, "cold_days": 365}
        answer = server.request("POST", "/api/v1/retention/policies", json.dumps(body).encode(), JSON)
        assert answer.status == 201, answer
        server.ingest("payment", [{"message": "in its first minute"}])
        server.settle()
        segments = server.data_dir / "index"
        assert not list(segments.glob("policy=pay"))
        # Nobody waits for a minute: it begins now.
        with sqlite3.connect(server.data_dir / "catalog.db", isolation_level=None) as catalog:
            catalog.execute("UPDATE retention_policies SET from_us = ?", [now_us()])
        catalog.close()

        def has_gone_there() -> bool:
            server.ingest("payment", [{"message": "after"}])
            server.ingest("cart", [{"message": "others"}])
            return bool(list(segments.glob("policy=pay/*/*.parquet")))

        until(has_gone_there, "a line lies with its policy")
        assert len(server.records("payment", q="before OR minute")) == 2
        assert not server.records("cart", q="after")
