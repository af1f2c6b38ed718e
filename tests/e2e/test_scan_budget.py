"""What a request that would read too many lines says over HTTP: a search gives what it found, all else is refused."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.process import INGEST, JSON, Server, until


def test_only_a_search_is_given_in_part(tmp_path: Path) -> None:
    with Server(tmp_path, settings={"search.scan_lines": 5}) as server:
        lines = [{"message": f"line {number}", "log_id": f"id-{number}"} for number in range(10)]
        assert server.request("POST", INGEST, json.dumps({"logs": lines}).encode(), JSON).status == 202
        until(lambda: server.search(q="line").get("partial"), "the lines")
        for path in ("export", "patterns", "id-3", "id-3/context"):
            answer = server.get(f"/api/v1/logs/{path}")
            assert (answer.status, answer.json()["error"]["code"]) == (400, "too_many_lines"), path
            assert "over 5 lines (search.scan_lines)" in answer.json()["error"]["message"]
