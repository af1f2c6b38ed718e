"""scripts/services as people use it, on the server that starts fastest; and servers that end with their starter."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import msgspec
import pytest

from tests.services.children import Child, alive, send, wait_or_kill
from tests.services.kinds import kind_of
from tests.services.running import Running
from tests.services.state import read_state, write_state
from tests.support.process import until

ROOT = Path(__file__).parents[2]
#: Starts Redis over the folder, says so, and waits for its end.
_STARTER = """
import sys
from pathlib import Path
from tests.services import running
with running("redis", Path(sys.argv[1])) as server:
    print(*server.pids, flush=True)
    sys.stdin.read()
"""


def _services(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [ROOT / "scripts" / "services", *arguments],
        env={**os.environ, "VENV": sys.prefix, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@contextmanager
def _stopped_at_the_end(data: Path) -> Iterator[None]:
    try:
        yield
    finally:
        state = read_state(data / "redis")
        for child in state.children if state else ():
            if child is not None:
                send(child, signal.SIGKILL)
                wait_or_kill(child, 120)


def _child(data: Path) -> Child:
    state = read_state(data / "redis")
    assert state is not None
    (child,) = state.children
    assert child is not None
    return child


@pytest.mark.servers("redis")
def test_start_twice_status_stop(tmp_path: Path) -> None:
    data = str(tmp_path)
    with _stopped_at_the_end(tmp_path):
        assert _services("status", "redis", "--data", data) == (1, "redis isn't running\n", "")
        with ThreadPoolExecutor(2) as threads:
            both = list(threads.map(lambda _: _services("start", "redis", "--data", data), range(2)))
        started = both[0]
        assert re.fullmatch(r"redis redis://127\.0\.0\.1:\d+/0\n", started[1])
        assert both == [(0, started[1], "")] * 2
        child = _child(tmp_path)
        assert _services("start", "redis", "--data", data) == started
        assert _child(tmp_path) == child, "it was started again"
        code, said, _ = _services("status", "redis", "--data", data)
        assert (code, said) == (0, f"{started[1].strip()} (pid {child.pid}; data in {tmp_path / 'redis'})\n")
        assert _services("stop", "redis", "--data", data) == (0, "redis stopped\n", "")
        assert not alive(child)
        assert _services("stop", "redis", "--data", data) == (0, "redis wasn't running\n", "")
        assert _services("start", "redis", "--data", data) == started, "the port is another"


@pytest.mark.servers("redis")
def test_of_many_at_once_one_starts_it(tmp_path: Path) -> None:
    waiting = Barrier(4)
    servers = [Running(kind_of("redis"), tmp_path, tied=False) for _ in range(4)]

    def start(server: Running) -> bool:
        waiting.wait(120)
        return server.start()

    try:
        with ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(start, servers)) == [False, False, False, True]
    finally:
        for server in servers:
            server.kill()


@pytest.mark.servers("redis")
def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with _stopped_at_the_end(tmp_path / "a"):
        code, said, _ = _services("start", "redis", "--data", str(tmp_path / "a"))
        assert code == 0
        port = said.rpartition(":")[2].partition("/")[0]
        code, said, error = _services("start", "redis", "--data", str(tmp_path / "b"), "--port", port)
    assert (code, said, error) == (1, "", f"services: redis: port {port} is taken\n")


@pytest.mark.servers("redis")
def test_a_server_that_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "data").mkdir()
    (tmp_path / "redis" / "data" / "appendonlydir").write_text("no folder")
    code, said, error = _services("start", "redis", "--data", str(tmp_path))
    assert (code, said) == (1, "")
    log = tmp_path / "redis" / "redis-0.log"
    assert error.startswith(f"services: redis: redis ended with code 1, the end of {log}:\n")
    assert "appendonlydir" in error


@pytest.mark.servers("redis")
def test_another_process_with_its_pid_is_left_alone(tmp_path: Path) -> None:
    with _stopped_at_the_end(tmp_path):
        assert _services("start", "redis", "--data", str(tmp_path))[0] == 0
        child = _child(tmp_path)
        state = read_state(tmp_path / "redis")
        assert state is not None
        earlier = Child(child.pid, child.started - 1)
        write_state(tmp_path / "redis", msgspec.structs.replace(state, children=(earlier,)))
        assert _services("stop", "redis", "--data", str(tmp_path)) == (0, "redis wasn't running\n", "")
        assert alive(child)
        write_state(tmp_path / "redis", state)


@pytest.mark.servers("redis")
def test_it_dies_with_its_starter(tmp_path: Path) -> None:
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", _STARTER, str(tmp_path)], env=environment, **options) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        child = next(one for one in (read_state(tmp_path) or pytest.fail("no state")).children if one)
        assert child.pid == pid
        starter.kill()
    until(lambda: not alive(child), "it is gone")


def test_what_can_not_be_had(tmp_path: Path) -> None:
    """Neither Redis nor a package list: a sentence, in a run of tests a loud section, and in CI a failure."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "apt-get").write_text("#!/bin/sh\necho no way to any list >&2\nexit 100\n")
    (programs / "apt-get").chmod(0o755)
    environment = {
        "PATH": f"{programs}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
    }

    def run(*module: str, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", *module],
            env={**environment, **more},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    sentence = "redis-check-rdb isn't installed: on Debian and Ubuntu, apt-get install redis-tools"
    code, said = run("tests.services", "start", "redis", "--data", str(tmp_path))
    assert code == 1
    assert f"services: redis: {sentence}" in said
    tests = [
        "pytest",
        "-p",
        "no:cacheprovider",
        "tests/integration/test_services.py",
        "-k",
        "test_redis or test_fixtures and redis",
    ]
    for workers in ("0", "2"):
        code, said = run(*tests, "--numprocesses", workers)
        assert code == 0
        assert "TESTS ON REAL SERVERS WERE SKIPPED" in said
        assert f"nothing was tested on redis: {sentence}" in said
        assert "2 skipped" in said
    code, said = run(*tests, CI="true")
    assert code == 1
    assert sentence in said
    assert "1 failed, " in said
    assert ", 1 error " in said
