"""Dead letters of a real server: listed, shown, replayed once with their ids, purged; and the ledger balances."""

from __future__ import annotations

import base64
import json
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logd import shipment
from logd.backends.transport import sqlite_schema as schema
from logd.chunk import compress, log_id
from tests.support.commands import Done, begun
from tests.support.letters import PATH, SOURCE, TEXT, broken, chunk, make_dead_letter, send
from tests.support.process import JSON, PATIENCE_SECONDS, Server, environment_of_a_process, until

_SETTINGS = {"index.flush_rows": 50, "index.flush_seconds": 0.2, "parse.join_seconds": 0.01}


def letters(server: Server, **parameters: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get(PATH, **parameters).json()["deadletters"]
    return found


def replay(server: Server, body: object) -> dict[str, Any]:
    answer = server.request("POST", f"{PATH}/replay", json.dumps(body).encode(), JSON)
    assert answer.status == 200, answer
    done: dict[str, Any] = answer.json()
    return done


def mended(server: Server) -> None:
    """The letter as if the parser had learnt to read it: the server is stopped for that."""
    assert server.terminate() == 0
    value = compress(TEXT)
    with closing(sqlite3.connect(server.data_dir / "transport.db", isolation_level=None)) as db:
        query = "SELECT taken, lines, CAST(key AS BLOB), headers FROM log_dead_letters"
        taken_us, lines, key, headers = db.execute(query).fetchone()
        checksum = schema.message_checksum(taken_us, lines, key, headers, value)
        db.execute("UPDATE log_dead_letters SET value = ?, checksum = ?", (value, checksum))
    server.start()


def command(server: Server, *arguments: object) -> Done:
    url = {"LOGD_URL": f"http://127.0.0.1:{server.port}", "HOME": str(server.data_dir)}
    done = subprocess.run(
        [sys.executable, "-m", "logd", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        env={**environment_of_a_process(), **url},
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """With one dead letter, whose source has sent more."""
    with Server(tmp_path, settings=_SETTINGS) as server:
        make_dead_letter(server)
        yield server
        server.settle()
        server.check_ledger()


def test_a_replay_stores_each_line_once_with_its_id(server: Server) -> None:
    assert len(server.records("s")) == 40
    mended(server)
    (letter,) = letters(server)
    assert replay(server, {"positions": [letter["position"], 99]}) == {
        "replayed": 1,
        "lines": 40,
        "missing": [99],
        "refused": {},
    }
    assert replay(server, {"all": True})["replayed"] == 0
    found = server.records("s")
    positions = [at for at, byte in enumerate(b"\n" + TEXT[:-1]) if byte == 10]
    both = [log_id(SOURCE, start + at) for start in (0, len(TEXT)) for at in positions]
    assert [record["log_id"] for record in found] == both
    assert {record["timestamp"][:10] for record in found} == {"2026-01-31"}


def test_what_comes_twice_after_all_is_stored_once(server: Server) -> None:
    mended(server)
    assert replay(server, {"all": True})["replayed"] == 1
    assert len(server.records("s")) == 80
    for offset in (0, len(TEXT)):
        send(server, msgspec.structs.replace(chunk(offset), replayed=True))
    assert len(server.records("s")) == 80


def test_list_and_show(server: Server) -> None:
    (letter,) = letters(server)
    assert letter["service"] == "s"
    assert (letter["host"], letter["source"], letter["lines"], letter["replayable"]) == ("h", "/a.log", 40, True)
    assert letter["size"] == len(broken())
    assert "zstd" in letter["reason"]
    assert letters(server, after=letter["position"]) == letters(server, limit=0) == []
    assert server.get(PATH, limit=1).json()["next_after"] == letter["position"]
    whole = server.get(f"{PATH}/{letter['position']}").json()
    assert base64.b64decode(whole["base64"]) == broken()
    assert whole["text"] is None
    assert whole["headers"]["refused-source-id"] == SOURCE
    assert {name: whole[name] for name in letter} == letter


def test_refused_again_it_is_another_letter(server: Server) -> None:
    (first,) = letters(server)
    assert replay(server, {"all": True})["replayed"] == 1
    (second,) = until(lambda: letters(server), "it comes back")
    assert second["position"] > first["position"]
    assert server.get(f"{PATH}/{second['position']}").json()["headers"]["refused-source-id"] == SOURCE


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"{PATH}/99", None, 404),
        ("GET", f"{PATH}/0", None, 400),
        ("GET", f"{PATH}/x", None, 400),
        ("GET", f"{PATH}?limit=1001", None, 400),
        ("GET", f"{PATH}?after=-1", None, 400),
        ("GET", f"{PATH}?nonsense=1", None, 400),
        ("DELETE", PATH, None, 400),
        ("DELETE", f"{PATH}?all=yes", None, 400),
        ("DELETE", f"{PATH}?all=true&positions=1", None, 400),
        ("DELETE", f"{PATH}?before=soon", None, 400),
        ("DELETE", f"{PATH}?positions=1,x", None, 400),
        ("POST", f"{PATH}/replay", b"", 400),
        ("POST", f"{PATH}/replay", b"{}", 400),
        ("POST", f"{PATH}/replay", b'{"all": true, "positions": [1]}', 400),
        ("POST", f"{PATH}/replay", b'{"positions": [-1]}', 400),
        ("POST", f"{PATH}/replay", b'{"positions": "1"}', 400),
        ("POST", f"{PATH}/replay", b'{"positions": [' + b"1," * 10_000 + b"1]}", 400),
        ("POST", f"{PATH}/replay", b"\xff" * 2_000_000, 413),
    ],
)
def test_bad_requests(server: Server, method: str, path: str, body: bytes | None, status: int) -> None:
    answer = server.request(method, path, body, JSON)
    assert answer.status == status, answer
    assert answer.json()["error"]["message"]
    assert len(letters(server)) == 1


def test_the_command(server: Server) -> None:
    (letter,) = letters(server)
    position = letter["position"]
    listed = command(server, "deadletter", "list")
    assert listed.code == 0
    assert json.loads(listed.out) == letter
    shown = command(server, "deadletter", "show", position)
    assert json.loads(shown.out)["base64"] == base64.b64encode(broken()).decode()
    assert command(server, "deadletter", "show", 99) == Done(1, "", "logd: there is no dead letter at position 99\n")
    usage = command(server, "deadletter", "purge", position, "--all")
    assert (usage.code, usage.error) == (2, "logd: which dead letters? name positions, or else --all or --before\n")
    done = command(server, "deadletter", "replay", position, 99)
    assert done == Done(
        1,
        "1 dead letters with 40 lines are in the queue again\n",
        "logd: there is no dead letter at position 99\n",
    )
    until(lambda: letters(server), "it comes back")
    old = command(server, "deadletter", "purge", "--before", "-1h", "--yes")
    assert old.out == "0 dead letters with 0 lines are deleted\n"
    assert "1 dead letters with 40 lines: see" in command(server, "status").out
    for which in (["--all"], ["--before", "2100-01-01"]):
        refused = command(server, "deadletter", "purge", *which)
        assert (refused.code, refused.out) == (2, "")
        assert refused.error.endswith(", for ever? nobody can be asked here: add --yes\n")
    assert len(letters(server)) == 1
    done = command(server, "deadletter", "purge", "--all", "--yes")
    assert done == Done(0, "1 dead letters with 40 lines are deleted\n", "")
    assert command(server, "deadletter", "list") == Done(0, "", "")


def test_more_positions_than_an_address_holds(server: Server) -> None:
    (letter,) = letters(server)
    positions = [*range(1_000_000, 1_002_000), letter["position"]]
    for action, said in (("replay", "are in the queue again"), ("purge", "are deleted")):
        until(lambda: letters(server), "it is there")
        positions[-1] = letters(server)[0]["position"]
        done = command(server, "deadletter", action, *positions)
        assert (done.code, done.out) == (1, f"1 dead letters with 40 lines {said}\n")
        missing = "".join(f"logd: there is no dead letter at position {place}\n" for place in positions[:-1])
        assert done.error == missing
    assert letters(server) == []


def test_all_are_only_deleted_by_whom_agrees(server: Server) -> None:
    for answer, code, said in (
        ("n", 1, "nothing is deleted"),
        ("", 1, "nothing is deleted"),
        ("Y", 0, "1 dead letters with 40"),
    ):
        assert len(letters(server)) == 1
        ours, theirs = pty.openpty()
        url = {"LOGD_URL": f"http://127.0.0.1:{server.port}", "HOME": str(server.data_dir)}
        with subprocess.Popen(
            [sys.executable, "-m", "logd", "deadletter", "purge", "--all"],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment_of_a_process(), **url},
        ) as process:
            os.write(ours, f"{answer}\n".encode())
            out, error = process.communicate(timeout=PATIENCE_SECONDS)
        os.close(theirs)
        os.close(ours)
        assert error == "delete all dead letters that there are, for ever? [y/N] "
        assert (process.returncode, out.startswith(said)) == (code, True)
    assert letters(server) == []


def test_what_an_agent_has_kept_is_sent_again(tmp_path: Path) -> None:
    with Server(tmp_path / "server", settings=_SETTINGS) as server:
        send(server, chunk(len(TEXT)))
        assert len(server.records("s")) == 40
        data = tmp_path / "agent"
        (data / "refused").mkdir(parents=True)
        kept = data / "refused" / f"{SOURCE}-000000000000.shipment"
        (data / "refused" / "damaged.shipment").write_bytes(b"LGDS")
        url = ("--url", f"http://127.0.0.1:{server.port}")
        for _ in range(2):  # as after a crash before the file was deleted
            kept.write_bytes(shipment.encode([chunk(0)]))
            with begun("resend", *url, data_dir=data) as child:
                out, error = child.communicate(timeout=PATIENCE_SECONDS)
            assert (child.returncode, out) == (1, f"40 lines sent, 1 files are left in {data / 'refused'}\n")
            assert "damaged.shipment can't be sent: the body has 4 bytes" in error
            assert not kept.exists()
        assert len(server.records("s")) == 80
        server.check_ledger()
