"""The API's export over a real server: all of it, in each format, gone on with, and cut off rather than ended."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.process import Server, until

EXPORT = "/api/v1/logs/export"
_COUNT = 12_345


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Lines of which some are in segments and some in memory, four at each moment."""
    settings = {"parse.join_seconds": 0.02, "search.concurrent": 2, "api.stall_seconds": 2.0}
    with Server(tmp_path_factory.mktemp("export"), settings=settings) as running:
        running.ingest("x", [_line(number) for number in range(0, _COUNT, 2)])
        assert running.terminate() == 0
        running.restart()
        running.ingest("x", [_line(number) for number in range(1, _COUNT, 2)])
        running.settle()
        yield running


def _line(number: int) -> dict[str, Any]:
    return {
        "timestamp": f"2026-11-20T{number // 4 // 3600:02}:{number // 4 // 60 % 60:02}:{number // 4 % 60:02}Z",
        "message": f'number{number} has a "quote", a\nnewline and é',
        "number": number,
        "padding": "x" * 1_000,  # more than the kernel takes for a client that reads nothing
        "tags": ["a", "b"] if number % 5 == 0 else [],
    }


def _ndjson(server: Server, **parameters: object) -> list[dict[str, Any]]:
    answer = server.get(EXPORT, service="x", **parameters)
    assert answer.status == 200, answer.body
    return [json.loads(line) for line in answer.body.splitlines()]


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_each_line_once_in_order_as_a_search_shows_it(server: Server, sort: str) -> None:
    records = _ndjson(server, sort=sort)
    places = [(record["timestamp"], record["log_id"]) for record in records]
    assert places == sorted(places, reverse=sort == "newest")
    assert sorted(record["metadata"]["number"] for record in records) == list(range(_COUNT))
    assert records[:5] == server.search(service="x", sort=sort, limit=5)["logs"]


def test_the_formats_say_the_same(server: Server) -> None:
    expected = _ndjson(server, q="number:<3000")
    answer = server.get(EXPORT, q="number:<3000", format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    table = pq.read_table(io.BytesIO(server.get(EXPORT, q="number:<3000", format="parquet").body))
    assert len(rows) == len(table) == len(expected) == 3_000
    for name in ("log_id", "message"):
        assert [row[name] for row in rows] == table[name].to_pylist() == [record[name] for record in expected]
    assert [json.loads(row["metadata"]) for row in rows] == [record["metadata"] for record in expected]
    assert answer.headers["content-disposition"] == 'attachment; filename="logs.csv"'


def test_no_cell_is_a_formula_where_that_is_asked_for(server: Server) -> None:
    """Else they are what they are."""
    messages = ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "a=1", "1-1", "'=1", ""]
    server.ingest("formulas", [{"message": text, "tags": ["=2", "-"]} for text in messages])
    server.settle()
    for chosen in ("csv", "csv-safe"):
        answer = server.get(EXPORT, service="formulas", format=chosen)
        assert answer.headers["content-type"] == "text/csv"
        assert answer.headers["content-disposition"] == 'attachment; filename="logs.csv"'
        rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
        mark = "'" if chosen == "csv-safe" else ""
        expected = [f"{mark}{text}" if text[:1] in [*"=+-@\t\r"] else text for text in messages]
        assert sorted(row["message"] for row in rows) == sorted(expected)
        assert {row["tags"] for row in rows} == {f"{mark}=2,-"}
        assert all(row["metadata"].startswith("{") for row in rows)


@pytest.mark.parametrize("chosen", ["ndjson", "csv", "csv-safe", "parquet"])
def test_nothing_found_is_an_empty_file(server: Server, chosen: str) -> None:
    body = server.get(EXPORT, q="absent", format=chosen).body
    if chosen == "parquet":
        assert len(pq.read_table(io.BytesIO(body))) == 0
    else:
        assert len(body.splitlines()) == (1 if chosen.startswith("csv") else 0)


def test_of_huge_records_few_are_made_at_a_time(server: Server) -> None:
    server.ingest("huge", [{"message": "x" * 900_000} for _ in range(60)])
    server.settle()
    body = server.get(EXPORT, service="huge", format="parquet").body
    file = pq.ParquetFile(io.BytesIO(body))
    assert file.metadata.num_rows == 60
    assert max(file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)) <= 10


def test_goes_on_behind_a_record(server: Server) -> None:
    whole = _ndjson(server)
    last = whole[2_344]
    rest = _ndjson(server, after=f"{last['timestamp']},{last['log_id']}")
    assert rest == whole[2_345:]
    assert _ndjson(server, after=f"{last['timestamp']},{last['log_id']}", limit=1_500) == whole[2_345:3_845]


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"format": "xml"}, "format"),
        ({"limit": "0"}, "limit"),
        ({"after": "2026-11-20"}, "after"),
        ({"after": "yesterday,x"}, "after"),
        ({"q": "a AND"}, "q:3"),
        ({"offset": "5"}, "offset"),
    ],
)
def test_refused(server: Server, parameters: dict[str, str], where: str) -> None:
    answer = server.get(EXPORT, **parameters)
    assert (answer.status, answer.json()["error"]["where"]) == (400, where)


def test_who_reads_nothing_is_cut_off(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        # Little, but not so little that it takes minutes to read what was sent before the end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        connection.sendall(f"GET {EXPORT} HTTP/1.1\r\nHost: logs\r\n\r\n".encode())
        until(lambda: "is cut off: too slow" in server.log(), "the export's end")
        received = b""
        try:
            while part := connection.recv(1 << 20):
                received += part
        except ConnectionResetError:
            pass
    assert not received.endswith(b"0\r\n\r\n")
    assert server.search(limit=1)["logs"]
