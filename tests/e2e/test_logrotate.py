"""logrotate(8) itself, with the configurations that people have, over a file that is written to all the time."""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
from pathlib import Path

import pytest

from tests.services.errors import Missing
from tests.services.programs import program
from tests.support.load import PAUSE_SECONDS, SETTINGS, found_once, time_of, writers
from tests.support.process import Server, until

_NAME = "rotated"
#: What the writer does at `postrotate`, as a daemon does at its SIGHUP: it opens its log again.
_REOPEN = "postrotate\n    touch {folder}/reopen\n  endscript"
#: What is beside `rotate` in the block of a file. What is compressed at once was closed by its writer before.
_KINDS = {
    "create": "create\n  " + _REOPEN,
    "numbers that begin elsewhere": "nocreate\n  start 7\n  " + _REOPEN,
    "compress": "create\n  compress\n  " + _REOPEN,
    "delaycompress": "create\n  compress\n  delaycompress\n  " + _REOPEN,
    "dateext": "create\n  dateext\n  dateformat -%Y%m%d-%s\n  " + _REOPEN,
    "extension": "create\n  extension .log\n  " + _REOPEN,
    "olddir": "create\n  olddir {folder}/old\n  " + _REOPEN,
}


@pytest.fixture(scope="module")
def logrotate() -> str:
    """The program."""
    try:
        return program("logrotate", "logrotate")
    except Missing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


class Logs:
    """A folder with a log that grows, and its logrotate."""

    def __init__(self, folder: Path, logrotate: str, kind: str) -> None:
        self.app = folder / "app.log"
        self.stop = threading.Event()
        self.quiet = threading.Lock()
        self.written = 0
        (folder / "old").mkdir(parents=True)
        self._folder = folder
        self._logrotate = logrotate
        self._config = folder.parent / "logrotate.conf"
        how = kind.replace("{folder}", str(folder))
        self._config.write_text(f"{self.app} {{\n  rotate 1000\n  missingok\n  {how}\n}}\n")
        self._config.chmod(0o644)

    def write(self) -> int:
        """Appends lines until `stop`; gives how many."""
        reopen = self._folder / "reopen"
        chance = random.Random(7)
        file = self.app.open("ab", buffering=0)
        try:
            while not self.stop.wait(chance.random() * PAUSE_SECONDS):
                with self.quiet:
                    if reopen.exists():
                        reopen.unlink()
                        file.close()
                        file = self.app.open("ab", buffering=0)
                    count = chance.randint(1, 20)
                    lines = (f"{time_of(0, n)} INFO {_NAME} {n}\n" for n in range(self.written, self.written + count))
                    file.write("".join(lines).encode())
                    self.written += count
        finally:
            file.close()
        return self.written

    def more(self) -> None:
        """Returns when something was written since."""
        before = self.written
        until(lambda: self.written > before, "more is written")

    def rotate(self) -> None:
        """Now, whatever the file's age and size."""
        state = self._config.with_suffix(".state")
        command = [self._logrotate, "--force", "--state", str(state), str(self._config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        # Two in a second would have the same date.
        assert done.returncode == 0 or "already exists, skipping rotation" in done.stderr, done.stderr


def _server(folder: Path, logs: Logs, globs: list[str]) -> Server:
    files = [{"paths": [f"{logs.app.parent}/{glob}" for glob in globs], "service": _NAME}]
    return Server(folder / "server", settings={**SETTINGS, "agent.files": json.dumps(files)})


def _total(server: Server) -> int:
    return int(server.search(service=_NAME, limit=0, track_total_hits="true")["total_hits"])


def _known(server: Server, lines: int) -> None:
    until(lambda: _total(server) >= lines, f"{lines} lines are found, and so the file is known")


@pytest.mark.parametrize("pause_seconds", [0.0, 0.3])
@pytest.mark.parametrize("kind", list(_KINDS))
def test_each_line_is_found_once(tmp_path: Path, logrotate: str, kind: str, pause_seconds: float, long: bool) -> None:
    logs = Logs(tmp_path / "logs", logrotate, _KINDS[kind])
    with _server(tmp_path, logs, ["app.log*", "old/app.log*"]) as server:
        with writers({_NAME: logs.write}, logs.stop.set) as running:
            _known(server, 1)  # or nobody could tell where it went
            for _ in range(60 if long else 12):
                logs.more()
                if kind == "compress":  # what nobody has opened before it is compressed is gone
                    _known(server, logs.written)
                logs.rotate()
                logs.stop.wait(pause_seconds)
        count = running[_NAME].result()
        until(lambda: _total(server) >= count, f"all {count} are found")
        found_once(server, _NAME, 0, _NAME, count)
        assert server.terminate() == 0


@pytest.mark.parametrize("pause_seconds", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
@pytest.mark.parametrize("kind", ["copytruncate", "copytruncate\n  compress\n  delaycompress"])
def test_copytruncate(tmp_path: Path, logrotate: str, kind: str, glob: str, pause_seconds: float, long: bool) -> None:
    logs = Logs(tmp_path / "logs", logrotate, kind)
    with _server(tmp_path, logs, [glob]) as server:
        with writers({_NAME: logs.write}, logs.stop.set) as running:
            _known(server, 1)
            for _ in range(60 if long else 12):
                logs.more()
                if "delaycompress" in kind:  # a copy that nobody has opened before the next rotation is gone
                    _known(server, logs.written)
                # logrotate itself loses what is written between its copy and its truncation.
                with logs.quiet:
                    logs.rotate()
                logs.stop.wait(pause_seconds)
        count = running[_NAME].result()
        until(lambda: _total(server) >= count, f"all {count} are found")
        found_once(server, _NAME, 0, _NAME, count)
        assert server.get("/api/v1/status").json()["agent"]["lost_bytes"] == 0
        assert server.terminate() == 0
