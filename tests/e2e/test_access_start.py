"""Whether the api starts: not open to others unless somebody said so, nor without a catalog that can be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.access import Made, token
from tests.support.commands import logd
from tests.support.process import NDJSON, SEARCH, Server, until

_QUICK = {"parse.join_seconds": 0.02}
_ELSEWHERE = {"api.listen": "0.0.0.0:0"}


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    server = Server(tmp_path, settings=_ELSEWHERE, roles="processor,api")
    server.launch()
    assert server.wait() == 2
    assert server.log().count("\n") == 1
    assert "logd token create" in server.log()
    assert "api.anonymous = true" in server.log()
    made = token(server.data_dir, "search")
    with server:
        assert server.get(SEARCH).status == 401
        assert server.request("GET", SEARCH, headers=made.header).status == 200


def test_everybody_may_where_it_says_so(tmp_path: Path) -> None:
    settings = {**_ELSEWHERE, "api.anonymous": "true"}
    made = token(tmp_path / "data", "ingest")
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        assert server.get(SEARCH).status == 200
        assert server.request("GET", SEARCH, headers=made.header).status == 403  # who shows a token gets what it is for


@pytest.mark.parametrize(
    ("newer", "sentence"), [(True, "has schema 0999, this logd knows up to"), (False, "is no SQLite database")]
)
def test_a_catalog_that_cannot_be_used(tmp_path: Path, newer: bool, sentence: str) -> None:
    token(tmp_path / "data", "search")
    path = tmp_path / "data" / "catalog.db"
    if newer:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE alembic_version SET version_num = '0999'")
    else:
        path.write_bytes(b"x" * 8_192)
    server = Server(tmp_path, roles="processor,api")
    server.launch()
    assert server.wait() == 2
    assert server.log().count("\n") == 1
    assert sentence in server.log()
    done = logd("token", "list", data_dir=server.data_dir)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.error


def test_without_a_token_it_is_open_on_this_machine(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_QUICK, roles="processor,api") as server:
        server.ingest("s", [{"message": "m"}])
        assert len(server.records("s")) == 1
        wrong = Made("0" * 12, f"logd_{'0' * 12}_{'0' * 64}")
        assert server.request("GET", SEARCH, headers=wrong.header).status == 401
        # A page of another site mustn't write by its reader's browser; it can't read an answer either.
        for origin, status in (
            ("http://evil.example", 403),
            ("http://[", 403),
            (f"http://127.0.0.1:{server.port}", 202),
            ("null", 403),
        ):
            assert server.post(b"{}", {**NDJSON, "Origin": origin}).status == status
        # Nor read, by a name of its own that leads here.
        for host, status in (
            ("evil.example", 403),
            ("evil.example:80", 403),
            ("[", 403),
            ("127.0.0.1", 200),
            ("[::1]:80", 200),
        ):
            assert server.request("GET", SEARCH, None, {"Host": host}).status == status
        for host in ("localhost:8080", "logs.localhost", "box"):
            assert server.request("GET", SEARCH, None, {"Host": host}).status == 200
        assert not (server.data_dir / "catalog.db").exists()
        made = token(server.data_dir, "search")
        until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
        assert server.request("GET", SEARCH, headers=made.header).status == 200
        assert logd("token", "revoke", made.id, data_dir=server.data_dir).code == 0
        until(lambda: server.request("GET", SEARCH, headers=made.header).status == 401, "the server has noticed")
        assert server.get(SEARCH).status == 401  # it doesn't open again
        server.kill()
        server.restart()
        assert server.get(SEARCH).status == 401


def test_rates_of_everybody(tmp_path: Path) -> None:
    settings = {"api.rate_limit.requests_per_second": 0.01, "api.rate_limit.burst_seconds": 300}
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        assert [server.get(SEARCH).status for _ in range(5)] == [200] * 3 + [429] * 2
        assert server.get("/healthz").status == 200
