"""Whether the api starts: not open to others unless somebody said so, nor without a catalog that can be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.access import token
from tests.support.commands import logd
from tests.support.process import SEARCH, Server

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
