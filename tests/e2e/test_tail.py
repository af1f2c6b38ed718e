"""The live tail over HTTP: exactly what searches find, exactly once, however often a client comes back."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import begun
from tests.support.process import Server, until
from tests.support.tails import TAIL, TailClient

_FILTERS: list[dict[str, Any]] = [
    {},
    {"q": "timeout"},
    {"q": "timeout AND NOT card"},
    {"q": '"card declined"'},
    {"q": "n:7 OR n:8"},
    {"service": "payment"},
    {"service": "payment,cart", "level": "ERROR"},
    {"level": ["warn", "error"], "q": "card"},
    {"host": "host-1"},
    {"q": "tags:blue"},
    {"q": "nothing-has-this"},
    {"q": "größe"},
    {"q": 'it\'s OR "what?"'},
]
_TEXTS = ("timeout of card", "card declined", "Timeout", "all is well", "Größe: 7", "it's what?", "")


def _line(n: int) -> dict[str, Any]:
    return {
        "message": f"line{n} {_TEXTS[n % len(_TEXTS)]}",
        "service": ("payment", "cart", "shop")[n % 3],
        "level": ("INFO", "WARN", "ERROR", None)[n // 3 % 4],
        "host": f"host-{n % 2}",
        "n": n % 10,
        "tags": ["blue"] if n % 5 == 0 else [],
        "trace_id": f"{n:032x}" if n % 4 == 0 else None,
    }


def _number(record: dict[str, Any]) -> int:
    return int(record["message"].split()[0].removeprefix("line"))


def _tail_status(server: Server) -> dict[str, Any]:
    status: dict[str, Any] = server.get("/api/v1/status").json()["tail"]
    return status


def _held(server: Server) -> int:
    """Messages in the queue."""
    return int(server.get("/api/v1/status").json()["transport"]["raw-logs"]["messages"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server", settings={"parse.join_seconds": 0.02}) as running:
        yield running


def test_filters_give_what_a_search_finds(server: Server) -> None:
    clients = [TailClient(server.port, **parameters).opened() for parameters in _FILTERS]
    for start in range(0, 500, 50):
        server.ingest("tailed", [_line(n) for n in range(start, start + 50)])
    last = TailClient(server.port, q="last")
    server.ingest("last", [{"message": "last"}])
    server.settle()
    until(lambda: last.records, "the last line is seen")
    try:
        for client, parameters in zip(clients, _FILTERS, strict=True):
            found = server.search(**parameters, limit=10_000)["logs"]
            found = [record for record in found if record["service"] not in ("last", "settle")]
            by_id = {record["log_id"]: record for record in found}
            until(lambda c=client, f=found: len(c.records) >= len(f), f"all of {parameters}")  # type: ignore[misc]
            got = [record for record in client.records if record["service"] not in ("last", "settle")]
            assert [_number(record) for record in got] == sorted(map(_number, found)), parameters
            assert got == [by_id[record["log_id"]] for record in got]
        assert len(clients[0].records) >= 500
        assert not clients[10].records
    finally:
        for client in [*clients, last]:
            client.close()


def _some_more(client: TailClient, rng: random.Random) -> None:
    """Returns at some moment after which there may be more lines, or none."""
    target = len(client.records) + rng.randrange(4)
    until(lambda: len(client.records) >= target or rng.random() < 0.2, "some more")


def test_exactly_once_whenever_it_is_cut_off(tmp_path: Path, server: Server) -> None:
    """Lines come by HTTP and from a followed file, while a client leaves and comes back with its last id."""
    followed = tmp_path / "app.log"
    followed.touch()
    server.terminate()
    server.settings["agent.files"] = f'[{{"paths": ["{followed}"]}}]'
    server.settings["agent.poll_seconds"] = 0.02
    server.settings["agent.batch_seconds"] = 0.05
    server.restart()
    rng = random.Random(7)
    client = TailClient(server.port, q="even").opened()
    seen: list[dict[str, Any]] = []
    sent = 0

    def waiting() -> int:
        return (sent + 1) // 2 - len(seen) - len(client.records)

    def last() -> str:
        return f"the client has its lines, not {client.events[-3:]}"

    with followed.open("a") as file:
        for round_ in range(60):
            count = rng.choice((1, 3, 40, 700))
            words = [f"line{n} {'even' if n % 2 == 0 else 'odd'}" for n in range(sent, sent + count)]
            sent += count
            if round_ % 2:
                server.ingest("http", [{"message": word} for word in words])
            else:
                file.write("".join(f"{word}\n" for word in words))
                file.flush()
            if rng.random() < 0.5:
                _some_more(client, rng)
                client.close()
                seen += client.records
                client = TailClient(server.port, last_id=client.last_id, q="even")
            # However slow the disk is, no burst is larger than what one client may have before it misses some.
            until(lambda: waiting() < 1_000, last)
    until(lambda: waiting() <= 0, last)
    server.settle()
    client.close()
    seen += client.records
    assert sorted(_number(record) for record in seen) == list(range(0, sent, 2))
    assert not client.named("gap")
    assert not client.named("missed")


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_restart_loses_nothing(server: Server, end: str) -> None:
    """Also of what came when the client was away, and is in the index already."""
    client = TailClient(server.port).opened()
    server.ingest("a", [{"message": f"line{n}"} for n in range(10)])
    until(lambda: len(client.records) == 10, "ten lines")
    client.close()
    server.ingest("a", [{"message": f"line{n}"} for n in range(10, 15)])
    getattr(server, end)()
    server.restart()
    with TailClient(server.port, last_id=client.last_id, service="a") as again:
        server.ingest("a", [{"message": f"line{n}"} for n in range(15, 20)])
        until(lambda: len(again.records) == 10, "ten more")
        assert [_number(record) for record in again.records] == list(range(10, 20))
        assert not again.named("gap")


def test_what_the_queue_no_longer_has_is_a_gap(tmp_path: Path) -> None:
    with Server(tmp_path / "server", settings={"index.flush_seconds": 0.1}) as server:
        server.ingest("a", [{"message": f"line{n}"} for n in range(15)])
        until(lambda: _held(server) == 0, "it is in the index, and nowhere else")
        with TailClient(server.port, last_id="0:1.7") as client:
            until(lambda: client.named("gap"), "the gap is told")
            server.ingest("a", [{"message": f"line{n}"} for n in range(15, 20)])
            until(lambda: len(client.records) == 5, "five more")
            assert client.named("gap") == [{"from": "0:1.7", "to": "0:2.0"}]
            assert [_number(record) for record in client.records] == list(range(15, 20))


def test_nothing_missed_is_no_gap_after_a_restart(server: Server) -> None:
    client = TailClient(server.port).opened()
    server.ingest("a", [{"message": "line0"}])
    until(lambda: client.records, "a line")
    assert server.terminate() == 0
    client.wait()
    client.close()
    assert client.complete
    assert client.named("end") == [{"reason": "the server is stopping"}]
    server.restart()
    with TailClient(server.port, last_id=client.last_id) as again:
        again.opened()
        server.ingest("a", [{"message": "line1"}])
        until(lambda: again.records, "another line")
        assert [event.name for event in again.events] == ["open", ""]


def test_a_place_in_another_queue_is_a_gap(server: Server) -> None:
    with TailClient(server.port, last_id="0:999999.3") as client:
        until(lambda: client.named("gap"), "the gap is told")
        server.ingest("a", [{"message": "line1"}])
        until(lambda: client.records, "a line")
        assert client.named("gap") == [{"from": "0:999999.3", "to": "0:1.0"}]


def test_a_slow_client_is_told_what_it_missed(server: Server) -> None:
    """One that reads late gets the newest, and how many it didn't get."""
    total = 40_000
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect(("127.0.0.1", server.port))
        slow.settimeout(60)
        slow.sendall(f"GET {TAIL}?q=filler HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = slow.recv(1_024)
        while b"event: open" not in received:
            received += slow.recv(1_024)
        with TailClient(server.port, q="marker") as other:
            other.opened()
            for start in range(0, total, 1_000):
                server.ingest("a", [{"message": f"line{n} filler {'x' * 100}"} for n in range(start, start + 1_000)])
            server.ingest("a", [{"message": "marker"}])
            until(lambda: other.records, "all is filtered")
        while f'"line{total - 1} '.encode() not in received or not received.endswith(b"\n\n\r\n"):
            received += slow.recv(1024 * 1024)
    body = b"".join(_chunks(received.partition(b"\r\n\r\n")[2]))
    blocks = body.decode().split("\n\n")
    got = [block for block in blocks if "event:" not in block and "data:" in block]
    missed = [int(block.partition('"lines":')[2].partition("}")[0]) for block in blocks if "event: missed" in block]
    numbers = [int(block.partition('"message":"line')[2].partition(" ")[0]) for block in got]
    assert missed
    assert sum(missed) + len(got) == total
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == total - 1


def _chunks(body: bytes) -> Iterator[bytes]:
    """The content of a chunked body."""
    while body:
        size, _, rest = body.partition(b"\r\n")
        yield rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]


def test_clients_that_never_read_hold_up_neither_memory_nor_the_stop(server: Server) -> None:
    with contextlib.ExitStack() as deaf:
        for _ in range(20):
            connection = deaf.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.sendall(f"GET {TAIL} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: _tail_status(server)["clients"] == 20, "all are there")
        for start in range(0, 60_000, 2_000):
            server.ingest("a", [{"message": f"line{n} {'x' * 200}"} for n in range(start, start + 2_000)])
        server.settle()
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert time.monotonic() - begin < 25  # and not until the drain's deadline


def test_a_stop_ends_tails_at_once(server: Server) -> None:
    clients = [TailClient(server.port, q=f"word{n}").opened() for n in range(20)]
    server.settle()
    begin = time.monotonic()
    server.signal(signal.SIGTERM)
    for client in clients:
        client.wait()
    ended = time.monotonic() - begin
    assert server.wait() == 0
    assert all(client.complete and client.named("end") for client in clients)
    assert ended < 25
    for client in clients:
        client.close()


def test_a_tail_that_is_open_when_lines_come_at_the_stop(server: Server) -> None:
    """Whatever the moment: with its last id it goes on after what it has seen."""
    client = TailClient(server.port).opened()
    server.ingest("a", [{"message": f"line{n}"} for n in range(5_000)])
    server.kill()
    client.close()
    server.restart()
    with TailClient(server.port, last_id=client.last_id) as again:
        until(lambda: len(client.records) + len(again.records) >= 5_000, "all lines")
        assert [_number(record) for record in client.records + again.records] == list(range(5_000))


def test_a_burst_is_whole(server: Server) -> None:
    """No more than waits for a client that takes nothing, and more than is made of one batch."""
    with TailClient(server.port, q="line") as client:
        client.opened()
        server.ingest("a", [{"message": f"line{n} line"} for n in range(3_500)])
        until(lambda: len(client.records) + len(client.named("missed")) >= 3_500, lambda: f"{client.events[-3:]}")
        assert [_number(record) for record in client.records] == list(range(3_500))
        assert not client.named("missed")


def test_no_more_than_its_rate(server: Server) -> None:
    """The newest, and how many others there were; one that asks for more than the server gives gets that."""
    with TailClient(server.port, q="line", rate=5) as slow, TailClient(server.port, q="line", rate=10**12) as fast:
        slow.opened()
        fast.opened()
        server.ingest("a", [{"message": f"line{n} line"} for n in range(500)])
        until(lambda: len(fast.records) == 500, "all lines")

        def told() -> int:
            return len(slow.records) + sum(int(data["lines"]) for data in slow.named("missed"))

        until(lambda: told() == 500, lambda: f"{slow.events[-3:]}")
        assert 5 <= len(slow.records) < 500
        assert _number(slow.records[-1]) == 499
        last_id = slow.last_id
    with TailClient(server.port, last_id=last_id, q="line", rate=5) as again:
        server.ingest("a", [{"message": "line500 line"}])
        until(lambda: again.records, "what came after them")
        assert [_number(record) for record in again.records] == [500]
    assert server.get(TAIL, rate=0).status == 400


def test_the_reader_lives_with_its_clients(server: Server) -> None:
    assert _tail_status(server) == {"clients": 0, "max_clients": 100, "following": False, "lag_messages": 0}
    with TailClient(server.port) as one, TailClient(server.port) as two:
        one.opened()
        two.opened()
        assert _tail_status(server)["clients"] == 2
        assert _tail_status(server)["following"]
    until(lambda: _tail_status(server)["clients"] == 0, "both have left")
    assert _tail_status(server)["following"]  # for a while


def test_too_many(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "few", settings={"search.tails": 2}) as server,
        TailClient(server.port) as one,
        TailClient(server.port),
    ):
        answer = server.get(TAIL)
        assert answer.status == 429
        assert answer.json()["error"]["message"] == "2 tails are open, which is search.tails"
        assert int(answer.headers["retry-after"]) > 0
        one.close()
        until(lambda: _tail_status(server)["clients"] == 1, "one has left")
        TailClient(server.port).close()


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"q": "a AND"}, "q:"),
        ({"limit": "5"}, "limit"),
        ({"from": "-5m"}, "from"),
        ({"last_event_id": "x"}, "last_event_id"),
        ({"last_event_id": "0:1"}, "last_event_id"),
        ({"last_event_id": "0:1.1,"}, "last_event_id"),
        ({"last_event_id": f"0:{10**30}.0"}, "last_event_id"),
        ({"q": " ".join(f"a:{n}" for n in range(600))}, "q"),
    ],
)
def test_refused(server: Server, parameters: dict[str, str], where: str) -> None:
    answer = server.get(TAIL, **parameters)
    assert answer.status == 400
    assert answer.json()["error"]["where"].startswith(where)


def test_metrics_count_what_was_sent(server: Server) -> None:
    with TailClient(server.port, q="one") as client:
        client.opened()
        server.ingest("a", [{"message": "one"}, {"message": "two"}])
        until(lambda: client.records, "a line")
        text = server.get("/metrics").body.decode()
    assert "\nlogd_tail_clients 1.0\n" in text
    assert "\nlogd_tail_sent_total 1.0\n" in text
    assert "\nlogd_tail_missed_total 0.0\n" in text


def test_head_opens_no_tail(server: Server) -> None:
    answer = server.request("HEAD", TAIL)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert _tail_status(server)["clients"] == 0


def test_the_command(server: Server) -> None:
    with begun("tail", "one", "--url", f"http://127.0.0.1:{server.port}") as child:
        try:
            until(lambda: _tail_status(server)["following"], "it gets what comes")
            server.ingest("a", [{"message": "one"}, {"message": "two"}, {"message": "one more"}])
            assert child.stdout is not None
            found = [json.loads(child.stdout.readline())["message"] for _ in range(2)]
            assert found == ["one", "one more"]
            child.send_signal(signal.SIGINT)
            assert child.wait(60) == 130
        finally:
            child.kill()
