"""The units of conf/systemd: systemd understands them, they forbid much, and the server works all the same."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import sandbox
from tests.support.process import Server, until

_UNITS = Path(__file__).parents[2] / "conf" / "systemd"
_SERVER = _UNITS / "logd.service"
#: In tenths: a unit without any hardening has 96.
_MOST_EXPOSURE = 15
_DRAIN_SECONDS = 30


@pytest.fixture(autouse=True)
def _systemd() -> None:
    if shutil.which("systemd-analyze") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("systemd-analyze is missing")


@pytest.mark.parametrize("name", ["logd.service", "logd-agent.service"])
class TestUnit:
    def test_systemd_understands_it(self, tmp_path: Path, name: str) -> None:
        """Its program has to be there: the copy names one that is."""
        text = (_UNITS / name).read_text()
        assert text.count("ExecStart=/opt/logd/bin/logd ") == 1
        copy = tmp_path / name
        copy.write_text(text.replace("/opt/logd/bin/logd", "/usr/bin/env"))
        done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_it_is_barely_exposed(self, name: str) -> None:
        command = ["systemd-analyze", "security", "--offline=true", f"--threshold={_MOST_EXPOSURE}", str(_UNITS / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout

    def test_a_stop_has_time_to_drain(self, name: str) -> None:
        assert int(sandbox.read_unit(_UNITS / name)["TimeoutStopSec"][0]) > 2 * _DRAIN_SECONDS


def test_the_server_works_under_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system calls and the memory that the unit leaves it, without capabilities; and it tells the manager."""
    path = tmp_path / "app.log"
    path.write_text("a followed line\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(120)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        confined = [sys.executable, sandbox.__file__, str(_SERVER)]
        if os.getuid() == 0:
            confined = ["/usr/bin/setpriv", "--bounding-set=-all", "--no-new-privs", *confined]
        settings = {"index.flush_seconds": 0.1, "server.drain_seconds": _DRAIN_SECONDS}
        with Server(tmp_path / "server", files=[path], settings=settings, under=confined) as server:
            status = Path(f"/proc/{server.pid}/status").read_text()
            assert "Seccomp:\t2" in status
            assert manager.recv(100) == b"READY=1"
            server.ingest("web", [{"message": f"line {n}", "n": n} for n in range(2_000)])
            assert len(server.records("web")) == 2_000
            until(lambda: server.records("app"), "the line of the file is found")
            assert server.search(q="line AND n:7", service="web")["total_hits"] == 1
            assert server.terminate() == 0
            assert manager.recv(100) == b"STOPPING=1"
