"""`logd retention` and `logd store stats` against the real server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.process import Server, until
from tests.support.terminal import on_a_terminal, run

_QUICK = {"index.flush_seconds": 0.2, "parse.join_seconds": 0.01}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("retention"), settings=_QUICK, roles="processor,api") as running:
        yield running


def _json(server: Server, *args: str) -> list[dict[str, object]]:
    done = run(server, "retention", *args)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_policies(server: Server) -> None:
    done = run(server, "retention", "set", "payment-service", "--hot", "7", "--warm", "30", "--cold", "365")
    assert (done.returncode, done.stdout) == (
        0,
        "created 'payment-service', version 1: 7/30/365 days hot/warm/cold\n",
    ), done
    more = ("--cold", "0", "--service", "payment-*", "--description", "pay")
    done = run(server, "retention", "set", "payment-service", *more)
    assert done.stdout == "changed 'payment-service', version 2: 7/30/0 days hot/warm/cold\n", done
    done = run(server, "retention", "set", "DEFAULT", "--hot", "1", "--warm", "30", "--cold", "90", "--json")
    assert json.loads(done.stdout)["name"] == "DEFAULT"
    default, payment = _json(server, "list")
    assert (default["version"], default["cold_days"]) == (1, 90)
    assert (payment["services"], payment["description"], payment["hot_days"]) == (["payment-*"], "pay", 7)
    code, text = on_a_terminal(server, "retention", "list")
    assert code == 0
    assert [line.split() for line in text.splitlines()] == [
        ["name", "hot", "warm", "cold", "services", "from"],
        ["DEFAULT", "1", "30", "90", "all", "others", "-"],
        ["payment-service", "7", "30", "for", "ever", "payment-*", "-"],
    ]
    (preview,) = _json(server, "preview", "--delete", "payment-service")
    assert preview["message"] == "this would delete nothing that is stored"
    code, text = on_a_terminal(server, "retention", "preview", "payment-service", "--cold", "40")
    assert (code, text.strip()) == (0, "this would delete nothing that is stored")
    assert run(server, "retention", "delete", "payment-service").stdout.startswith(
        "deleted 'payment-service', version 2"
    )
    assert [one["name"] for one in _json(server, "list")] == ["DEFAULT"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("set", "new", "--hot", "1"), 2, "there is no policy 'new' yet: a new one needs --warm, --cold too"),
        (("set", "new", "--hot", "9", "--warm", "1", "--cold", "0"), 1, "hot_days is 9, expected at most warm_days"),
        (("delete", "new"), 1, "there is no retention policy 'new'"),
        (("preview",), 2, "expected a policy's NAME, or --delete NAME"),
        (("release", "nothing"), 1, "there is no legal hold 'nothing'"),
    ],
)
def test_what_is_refused(server: Server, args: tuple[str, ...], code: int, said: str) -> None:
    done = run(server, "retention", *args)
    assert (done.returncode, done.stdout, said in done.stderr) == (code, "", True), done


def test_holds(server: Server) -> None:
    done = run(server, "retention", "hold", "level:ERROR", "--name", "case 7", "--service", "a", "--from", "-2d")
    assert (done.returncode, done.stdout.startswith("held 'case 7' (")) == (0, True), done
    (hold,) = _json(server, "list", "--holds")
    assert (hold["query"], hold["services"], hold["to"], hold["released"]) == ("level:ERROR", ["a"], None, None)
    code, text = on_a_terminal(server, "retention", "list", "--holds")
    assert (code, "in force" in text) == (0, True)
    assert run(server, "retention", "release", "case 7").stdout == f"released 'case 7' ({hold['id']})\n"
    (hold,) = _json(server, "list", "--holds")
    assert hold["released"] is not None


def test_what_is_stored_and_would_go(server: Server) -> None:
    """Through segments: what there is, and that nothing goes unseen."""
    old = [{"timestamp": f"2026-01-0{day}T00:00:00Z", "message": f"hello {day}"} for day in (1, 2)]
    server.ingest("payment", [*old, {"message": "new"}])
    server.settle()
    status = "/api/v1/status"
    until(lambda: not server.get(status).json()["index"]["recent_rows"], "all is in segments")
    for args in (("retention", "usage", "--services"), ("store", "stats", "--services", "--json")):
        done = run(server, *args)
        assert (done.returncode, done.stderr) == (0, ""), done
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(one["tier"], one["policy"], one["day"], one["rows"]) for one in found[:2]] == [
            ("warm", "DEFAULT", "2026-01-01", 1),
            ("warm", "DEFAULT", "2026-01-02", 1),
        ]
        assert ("payment", 3) in [(one.get("service"), one["rows"]) for one in found]
        code, text = on_a_terminal(server, *args[:3])
        assert (code, "2026-01-02" in text, "payment" in text) == (0, True, True)
    ages = ("--hot", "1", "--warm", "2", "--cold", "2")
    done = run(server, "retention", "set", "DEFAULT", "--hot", "1", "--warm", "30", "--cold", "0")
    assert done.returncode == 0, done
    version = int(done.stdout.split("version ")[1].split(":")[0])
    done = run(server, "retention", "set", "DEFAULT", *ages)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.startswith("this would delete 2 segments, ")
    assert done.stderr.endswith("logd: nothing was changed; --yes does it\n")
    (preview,) = _json(server, "preview", "DEFAULT", *ages)
    assert preview["message"] == done.stderr.splitlines()[0]
    code, text = on_a_terminal(server, "retention", "preview", "DEFAULT", *ages)
    assert (code, "2026-01-02" in text) == (0, True)
    done = run(server, "retention", "set", "DEFAULT", *ages, "--yes")
    assert done.stdout == f"changed 'DEFAULT', version {version + 1}: 1/2/2 days hot/warm/cold\n", done
