"""`logd token`: what it prints, what it refuses, and that a secret is seen once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logd.tokens import parts_of
from tests.support.access import token
from tests.support.commands import logd


def test_a_token_from_its_making_to_its_end(tmp_path: Path) -> None:
    data_dir = tmp_path / "not" / "there"
    assert logd("token", "list", data_dir=data_dir) == (0, "", "")
    assert not data_dir.exists()
    made = token(
        data_dir, "search,ingest", "--service", "a, b", "--service", "a", "--host", "h", "--expires", "2d",
        "--requests-per-second", "1.5", "--bytes-per-second", "0",
    )  # fmt: skip
    (row,) = map(json.loads, logd("token", "list", "--json", data_dir=data_dir).out.splitlines())
    assert (row["id"], row["name"], row["state"]) == (made.id, "test", "active")
    assert (row["scopes"], row["services"], row["hosts"]) == (["ingest", "search"], ["a", "b"], ["h"])
    assert (row["requests_per_second"], row["bytes_per_second"], row["revoked"]) == (1.5, 0.0, None)
    assert "digest" not in row
    (line,) = logd("token", "list", data_dir=data_dir).out.splitlines()
    assert f"{made.id}  'test'  ingest,search  service a,b  host h  created " in line
    assert "  1.5 requests/s  0 bytes/s  expires " in line
    for _ in range(2):  # by its id or itself; twice is once
        done = logd("token", "revoke", made.text, data_dir=data_dir)
        assert (done.code, "  revoked " in done.out, parts_of(done.out)) == (0, True, None)
    assert json.loads(logd("token", "list", "--json", data_dir=data_dir).out)["state"] == "revoked"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "--name", "n", "--scope", "read"], "--scope is 'read', expected ingest, search, admin"),
        (["create", "--name", "n", "--scope", ","], "--scope is empty, expected at least one of ingest, search, admin"),
        (["create", "--name", " ", "--scope", "admin"], "--name is ' ', expected 1 to 200 printable characters"),
        (["create", "--name", "n", "--scope", "admin", "--expires", "soon"], "--expires is 'soon', expected a time"),
        (["create", "--name", "n", "--scope", "admin", "--expires", "0d"], "--expires is '0d', expected a time such"),
        (
            ["create", "--name", "n", "--scope", "admin", "--bytes-per-second", "nan"],
            "--bytes-per-second is nan, expected a number of at least 0",
        ),
        (["create", "--name", "n", "--scope", "admin", "--service", "s"], "--scope has admin, which can't be limited"),
        (["revoke", "x"], "ID is 'x', expected 12 hex digits"),
    ],
)
def test_what_is_refused(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = logd("token", *arguments, data_dir=tmp_path / "data")
    assert (done.code, done.out) == (2, "")
    assert sentence in done.error
    assert done.error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_token_that_is_none(tmp_path: Path) -> None:
    done = logd("token", "revoke", "0" * 12, data_dir=tmp_path)
    assert done.code == 1
    assert "there is no token '000000000000'" in done.error
    token(tmp_path, "admin")
    assert logd("token", "revoke", "0" * 12, data_dir=tmp_path).code == 1
