"""A queue that nobody empties fills up, says so, and takes more once the reader is removed: no restart, no loss."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from logd.backends.transport.sqlite import SqliteTransport
from logd.cli.main import main
from logd.seams import DEAD_LETTERS, RAW_LOGS
from tests.support.process import NDJSON, Server, ndjson, until


def _register(data_dir: Path, group: str) -> None:
    async def register() -> None:
        transport = await SqliteTransport.open(data_dir / "transport.db")
        await transport.consume(RAW_LOGS, group)
        await transport.close()

    data_dir.mkdir(parents=True)
    asyncio.run(register())


def test_the_slowest_group_stops_what_comes_and_can_be_forgotten(tmp_path: Path) -> None:
    settings = {"transport.max_bytes": 20_000, "index.flush_rows": 1}
    server = Server(tmp_path, settings=settings)
    _register(server.data_dir, "gone")
    with server:
        sent = 0
        while True:
            record = {"message": f"line {sent} " + "x" * 50, "n": sent}
            answer = server.post(ndjson([record]), NDJSON, "web")
            if answer.status != 202:
                break
            sent += 1
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) >= 5
        assert "raw-logs is full" in answer.json()["error"]["message"]
        assert "logd transport forget gone" in answer.json()["error"]["message"]
        assert sent > 50

        forget = ["transport", "forget", "gone", "--set", f"data_dir={server.data_dir}"]
        assert main(forget) == 0
        until(lambda: server.post(ndjson([{"message": "again"}]), NDJSON, "web").status == 202, "it takes again")
        records = server.records("web")
        numbers = [record["metadata"]["n"] for record in records if "n" in record.get("metadata", {})]
        assert sorted(numbers) == list(range(sent))


def test_a_damaged_message_becomes_a_dead_letter(tmp_path: Path) -> None:
    server = Server(tmp_path, settings={"index.flush_rows": 1_000_000})
    with server:
        server.may_log_errors = True
        for text in ("first", "second", "third"):
            server.ingest("web", [{"message": text}])
        server.kill()
        with sqlite3.connect(server.data_dir / "transport.db") as db:
            db.execute("UPDATE log_raw_logs SET value = substr(value, 1, length(value) - 1) WHERE position = 2")
        db.close()
        server.restart()
        assert {record["message"] for record in server.records("web")} == {"first", "third"}
        assert "position 2" in server.log()
        status = server.get("/api/v1/status").json()["transport"]
        assert status[DEAD_LETTERS]["messages"] == 1
        assert 'logd_deadletter_messages_total{reason="unreadable"} 1.0' in server.get("/metrics").body.decode()
