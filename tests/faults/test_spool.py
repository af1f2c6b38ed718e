"""The target of an agent goes away, and the agent is killed meanwhile, or its disk fills up: every line of its files is
found exactly once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logd.flow import crash
from tests.support.commands import logd
from tests.support.disk import small_disk
from tests.support.process import Server, free_port, until

_QUICK = {"agent.poll_seconds": 0.05, "agent.rescan_seconds": 0.1, "agent.batch_seconds": 0.05}
_MIB = 1024 * 1024
_LINES = 3_000


class Hosts:
    """A server, and on another host, as it were, an agent that follows `log`."""

    def __init__(self, folder: Path, data_dir: Path | None = None, **settings: object) -> None:
        listen = f"127.0.0.1:{free_port()}"
        self.log = folder / "app.log"
        self.log.touch()
        self.written = 0
        self.server = Server(
            folder / "server",
            settings={"api.listen": listen, "parse.join_seconds": 0.02, "index.flush_seconds": 0.3},
            roles="processor,api",
        )
        data_dir = data_dir or folder / "agent" / "data"
        configured = {**_QUICK, "agent.server": f"http://{listen}", "data_dir": data_dir, **settings}
        self.agent = Server(folder / "agent", files=[self.log], settings=configured, roles="agent")
        self.data_dir = data_dir

    def write(self, lines: int = _LINES) -> None:
        """Numbered lines."""
        with self.log.open("a") as file:
            file.writelines(f"line {n}\n" for n in range(self.written, self.written + lines))
        self.written += lines

    def status(self) -> dict[str, Any]:
        """What `logd agent status` says; nothing while the agent doesn't answer."""
        done = logd("agent", "status", "--json", data_dir=self.data_dir)
        return dict(json.loads(done.out)) if done.code == 0 else {}

    def safe(self) -> None:
        """Returns when all that was written is at the server or in the spool."""
        size = self.log.stat().st_size

        def offset() -> int:
            return max((file.get("offset", 0) for file in self.status().get("followed", [])), default=0)

        until(lambda: offset() == size, "every line is safe")

    def check(self) -> None:
        """Every line is found, once."""
        until(lambda: self._found() >= self.written, lambda: f"{self._found()} of {self.written} lines are found")
        self.server.settle()
        assert self._found() == self.written
        for n in range(0, self.written, max(1, self.written // 7)):
            assert self.server.search(q=f'"line {n}"', service="app", limit=0)["total_hits"] == 1

    def _found(self) -> int:
        return int(self.server.search(service="app", limit=0, track_total_hits="true")["total_hits"])


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    made = Hosts(tmp_path)
    yield made
    made.agent.kill()
    made.server.kill()


def test_the_server_is_away_and_the_agent_is_killed(hosts: Hosts, long: bool) -> None:
    """The files are gone when it is back: the spool has them."""
    kills = 15 if long else 3
    with hosts.server, hosts.agent:
        hosts.write()
        hosts.check()
        hosts.server.kill()
        for _ in range(kills):
            hosts.write()
            hosts.safe()
            hosts.agent.kill()
            hosts.agent.start()
        hosts.safe()
        status = hosts.status()
        assert status["spool_lines"] == kills * _LINES
        assert "connection refused" in status["target_error"]
        hosts.agent.kill()
        hosts.log.unlink()
        hosts.log.touch()
        hosts.server.restart()
        hosts.agent.start()
        hosts.check()
        until(lambda: hosts.status().get("spool_bytes") == 0, "the spool is empty")
        assert list((hosts.data_dir / "spool").iterdir()) == []
        assert hosts.agent.terminate() == 0


@pytest.mark.parametrize("point", crash.SPOOL_POINTS[:3])
def test_killed_as_chunks_go_into_the_spool(hosts: Hosts, point: str) -> None:
    for nth in (1, 2):
        hosts.agent.environment[crash.VARIABLE] = f"{point}:{nth}"
        hosts.write()
        hosts.agent.launch()
        # The first round of a start may be what is left of the last one.
        hosts.write(10)
        _dies(hosts, nth)
    hosts.agent.environment.clear()
    with hosts.server, hosts.agent:
        hosts.check()
        assert hosts.agent.terminate() == 0


def _dies(hosts: Hosts, nth: int) -> None:
    """The agent is killed at its point; more lines bring it there."""
    for _ in range(nth * 20):
        try:
            assert hosts.agent.wait(3) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            hosts.write(10)
        else:
            return
    raise AssertionError("it never passes the point")


@pytest.mark.parametrize("point", crash.SPOOL_POINTS[3:])
def test_killed_as_chunks_leave_the_spool(hosts: Hosts, point: str) -> None:
    with hosts.agent:
        hosts.write()
        hosts.safe()
    with hosts.server:
        hosts.agent.environment[crash.VARIABLE] = point
        hosts.agent.launch()
        assert hosts.agent.wait() == -signal.SIGKILL
        hosts.write()
        hosts.agent.environment.clear()
        with hosts.agent:
            hosts.check()
            assert hosts.agent.terminate() == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a disk")
def test_the_disk_of_the_spool_fills_up(tmp_path: Path) -> None:
    """Nothing counts as safe that isn't; with room again it is spooled, and with the server back it is sent."""
    with small_disk(tmp_path / "disk", 48 * _MIB) as disk:
        hosts = Hosts(tmp_path, disk.root / "data")
        hosts.agent.may_log_errors = True
        with hosts.agent:
            hosts.write()
            hosts.safe()
            disk.fill()
            hosts.write(200_000)
            until(lambda: "can't be written" in hosts.agent.log(), "it says so")
            assert hosts.status()["behind_bytes"] > 0
            hosts.agent.kill()
            disk.make_room()
            hosts.agent.start()
            hosts.safe()
            disk.fill()
            hosts.write(100_000)
            until(lambda: "can't be written" in hosts.agent.log(), "it says so again")
            disk.make_room()
            hosts.safe()
            with hosts.server:
                hosts.check()
                assert hosts.agent.terminate() == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a disk")
def test_the_disk_of_the_state_fills_up(tmp_path: Path) -> None:
    """The server is there, but nothing may be sent that isn't remembered; a reload waits as well."""
    with small_disk(tmp_path / "disk", 4 * _MIB) as disk:
        hosts = Hosts(tmp_path, disk.root / "data")
        hosts.agent.may_log_errors = True
        with hosts.server, hosts.agent:
            hosts.write()
            hosts.check()
            for number in range(3):
                disk.fill()
                hosts.write()
                until(lambda: "can't be written" in hosts.status().get("state_error", ""), "it says so")
                hosts.agent.signal(signal.SIGHUP)
                hosts.write()
                disk.make_room()
                hosts.check()
                reloads = number + 1
                until(lambda n=reloads: hosts.agent.log().count("reloaded: 1 files") == n, "reloaded")  # type: ignore[misc]
            assert hosts.agent.terminate() == 0


def test_a_spool_that_was_cut(hosts: Hosts) -> None:
    """It says how many lines are lost, and the others arrive."""
    hosts.agent.may_log_errors = True
    with hosts.agent:
        for _ in range(6):
            hosts.write()
            hosts.safe()
        hosts.agent.kill()
        (file,) = (hosts.data_dir / "spool").iterdir()
        os.truncate(file, file.stat().st_size // 2)
        hosts.agent.start()
        lost = until(lambda: hosts.status().get("spool_lost_lines", 0), "it has seen it")
        assert f"{lost} lines of it are lost" in hosts.agent.log()
        hosts.write()
        hosts.written -= lost
        with hosts.server:
            until(lambda: hosts._found() == hosts.written, "the others are found")
            assert hosts.server.search(q=f'"line {7 * _LINES - 1}"', service="app", limit=0)["total_hits"] == 1
            assert 0 < lost < 6 * _LINES


def test_a_host_whose_state_is_restored_from_an_hour_ago(hosts: Hosts, tmp_path: Path) -> None:
    with hosts.server, hosts.agent:
        hosts.write()
        hosts.check()
        hosts.server.kill()
        hosts.write()
        hosts.safe()
        hosts.agent.kill()
        shutil.copytree(hosts.data_dir, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        hosts.agent.start()
        hosts.write(777)
        hosts.safe()
        hosts.server.restart()
        hosts.check()
        hosts.server.kill()
        hosts.write()
        hosts.safe()
        hosts.agent.kill()
        shutil.rmtree(hosts.data_dir)
        shutil.copytree(tmp_path / "copy", hosts.data_dir)
        hosts.agent.start()
        hosts.write()
        hosts.safe()
        hosts.server.restart()
        hosts.check()


def test_memory_while_much_is_spooled_and_sent(hosts: Hosts, long: bool) -> None:
    """Real lines barely compress better than one to four; a quarter of what is written is a gigabyte in a long run."""
    with hosts.agent:
        for _ in range(200 if long else 10):
            noise = os.urandom(1_500_000).hex()
            with hosts.log.open("a") as file:
                file.writelines(f"{noise[at : at + 200]}\n" for at in range(0, len(noise), 200))
            hosts.written += len(noise) // 200
        hosts.safe()
        idle = hosts.agent.peak_rss_bytes()
        with hosts.server:
            begun = time.monotonic()
            until(lambda: hosts._found() >= hosts.written, "all are found", 1_000)
            print(f"{hosts.written} lines in {time.monotonic() - begun:.1f} s")
        print(f"at most {idle / _MIB:.0f} MB while it was spooled, {hosts.agent.peak_rss_bytes() / _MIB:.0f} MB in all")
        assert hosts.agent.peak_rss_bytes() < 60 * _MIB
