"""What a request that would read too many lines says over HTTP: hits come page by page, all else is refused."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import begun
from tests.support.process import PATIENCE_SECONDS, Server

#: Over the row groups that are looked at first, so that a page may read some of the file.
_LINES, _MOST = 60_000, 40_000


def test_hits_come_page_by_page(tmp_path: Path) -> None:
    with Server(tmp_path / "server") as server:
        for start in range(0, _LINES, 20_000):
            lines = [
                {"message": f"line {'needle' if n < 5 else 'hay'}", "timestamp": 1_700_000_000 + n}
                for n in range(start, start + 20_000)
            ]
            server.ingest("web", lines)
        server.settle()
        server.terminate()
        server.settings["search.scan_lines"] = _MOST
        server.restart()
        first = server.search(q="NOT hay", to="2024-01-01")
        assert (first["logs"], first["total_relation"]) == ([], "gte")
        assert "partial" not in first
        assert f"over {_MOST} lines (search.scan_lines)" in first["warnings"][0]
        found, page = 0, first
        while page["next_cursor"]:
            page = server.search(q="NOT hay", to="2024-01-01", cursor=page["next_cursor"])
            found += len(page["logs"])
        assert found == 5
        exported = server.get("/api/v1/logs/export", q="NOT hay", to="2024-01-01").body.splitlines()
        assert len(exported) == 5
        url = f"http://127.0.0.1:{server.port}"
        with begun("export", "NOT hay", "--to", "2024-01-01", "-o", "-", "--url", url) as export:
            out, error = export.communicate(timeout=PATIENCE_SECONDS)
        assert (export.returncode, len(out.splitlines())) == (0, 5), error
        for path in ("patterns", "fields"):
            answer = server.get(f"/api/v1/logs/{path}", q="NOT hay")
            assert (answer.status, answer.json()["error"]["code"]) == (400, "too_many_lines"), path
