"""Hosts, as it were: on each an agent follows files that are written to all the time and rotate, and something happens
to the agent, its data folder, its disk or its target."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.support.disk import SmallDisk, small_disk
from tests.support.oracle import Load
from tests.support.process import Server, until

_MIB = 1024 * 1024
_DISK_BYTES = 32 * _MIB
#: A kill falls into something that an agent does, and only the writers say when a line is whole.
_SETTINGS: Mapping[str, object] = {
    "agent.poll_seconds": 0.02,
    "agent.rescan_seconds": 0.05,
    "agent.batch_seconds": 0.05,
    "agent.partial_line_seconds": 3_600,
}
#: Of a file, between two pieces at most: with it some 50 lines a second.
_PAUSE_SECONDS = 0.2
_MOST_LINES = 10
_ROTATE_LINES = 400
#: An agent lives for so long at most before it is killed at random.
_LIFE_SECONDS = 1.5
#: How many files a host has, and how they rotate.
_KINDS = ("renamed", "copied")


def log_names(hosts: Sequence[str]) -> list[str]:
    """Of the files of these hosts, which are also their services."""
    return [f"{host}-{kind}" for host in hosts for kind in _KINDS]


class Log:
    """A file that gets numbered lines, in pieces that end anywhere. It is renamed by who writes it, unless `copied`."""

    def __init__(self, path: Path, load: Load, copied: bool) -> None:
        self.path = path
        self.copied = copied
        self.rotations = 0
        self._name = path.stem
        self._load = load
        self._rest = b""
        self._writing = threading.Lock()
        path.touch()

    @property
    def entry(self) -> dict[str, object]:
        """The block of [[agent.files]]: a copy has no lines of its own."""
        return {"paths": [str(self.path) if self.copied else f"{self.path}*"], "service": self._name}

    def write(self) -> int:
        """Until the writers are to end; gives how many lines."""
        chance = random.Random(self._name)
        while self._load.goes_on(chance.random() * _PAUSE_SECONDS):
            with self._writing:
                first = self._load.sent[self._name]
                count = chance.randint(1, _MOST_LINES)
                at = datetime.now(UTC).isoformat()
                self._rest += "".join(f"{at} INFO numbered {self._name} {first + n}\n" for n in range(count)).encode()
                self._load.sent[self._name] += count
                self._append(chance.randint(0, len(self._rest)))
                if not self.copied and first + count > (self.rotations + 1) * _ROTATE_LINES:
                    self._rename()
        with self._writing:
            self._append(len(self._rest))
        return self._load.accepted[self._name]

    def copytruncate(self) -> None:
        """As logrotate does, once all of the file is found, and nobody writes: else even it would lose lines."""
        with self._writing:
            self._append(len(self._rest))
            written = self._load.accepted[self._name]
            until(lambda: self._load.total(service=self._name) == written, f"all {written} of {self.path} are found")
            self.rotations += 1
            shutil.copyfile(self.path, self.path.with_name(f"copy-{self.rotations}-of-{self.path.name}"))
            self.path.write_bytes(b"")

    def _append(self, length: int) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(self._rest[:length])
        self._rest = self._rest[length:]
        self._load.accepted[self._name] = self._load.sent[self._name] - self._rest.count(b"\n")

    def _rename(self) -> None:
        """Whoever has the file open finishes the line."""
        self.rotations += 1
        path = self.path.rename(self.path.with_name(f"{self.path.name}.{self.rotations}"))
        with path.open("ab", buffering=0) as file:
            file.write(self._rest)
        self._rest = b""
        self.path.touch()


class Host:
    """An agent, its data folder, on a small disk if there is one, and its files."""

    def __init__(self, folder: Path, load: Load, settings: Mapping[str, object], disk: SmallDisk | None) -> None:
        self.name = folder.name
        self.disk = disk
        self.data_dir = disk.root / "data" if disk else folder / "agent" / "data"
        self._copy = folder / "copy"
        (folder / "logs").mkdir(parents=True)
        self.logs = [Log(folder / "logs" / f"{self.name}-{kind}.log", load, copied=kind == "copied") for kind in _KINDS]
        files = json.dumps([log.entry for log in self.logs])
        configured = {**_SETTINGS, "agent.files": files, "data_dir": self.data_dir, **settings}
        self.agent = Server(folder / "agent", settings=configured, roles="agent")
        #: It says what a full disk keeps it from.
        self.agent.may_log_errors = True

    @property
    def spool_bytes(self) -> int:
        """On the disk."""
        return sum(path.stat().st_size for path in self.data_dir.glob("spool/*"))

    def copy(self) -> None:
        """The data folder as it is now, instead of an earlier copy; the agent is killed for it."""
        self.agent.kill()
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self.data_dir, self._copy, ignore=shutil.ignore_patterns("*.sock"))
        self.agent.start()

    def restore(self) -> None:
        """The host is as it was at the copy, but for its files."""
        self.agent.kill()
        shutil.rmtree(self.data_dir)
        shutil.copytree(self._copy, self.data_dir)
        self.agent.start()


class Hosts:
    """Several, whose targets are away together. Each method returns once its fault is over, though not all its lines
    need to be found by then."""

    def __init__(self, hosts: Sequence[Host], load: Load, long: bool) -> None:
        self._hosts = hosts
        self._load = load
        self._chance = random.Random()
        self._rounds = 30 if long else 6
        self._away_seconds = 60.0 if long else 10.0
        self.kills = 0

    def jobs(self) -> dict[str, Callable[[], int]]:
        """What the writers do, by their names."""
        return {log.path.stem: log.write for host in self._hosts for log in host.logs}

    def log(self, name: str) -> str:
        """What the agent of that host has said since its last start."""
        return next(host.agent.log() for host in self._hosts if host.name == name)

    def rotations(self) -> int:
        """Of all files, so far."""
        return sum(log.rotations for host in self._hosts for log in host.logs)

    def nothing(self) -> None:
        """All is well."""
        self._load.more()

    def killed(self) -> None:
        """Often, at random moments."""
        for _ in range(self._rounds):
            for host in self._hosts:
                self._kill_at_random(host)

    def away(self, kill: Callable[[], object], start: Callable[[], object]) -> None:
        """The target: agents spool, and go on spooling after a kill. A copy of each host is made meanwhile."""
        kill()
        self._spool()
        self._load.goes_on(self._away_seconds / 2)
        for host in self._hosts:
            host.copy()
            self._kill_at_random(host)
        self._spool()
        self._load.goes_on(self._away_seconds / 2)
        start()

    def disk_full(self, kill: Callable[[], object], start: Callable[[], object]) -> None:
        """With the spool in use; agents are killed on the full disk."""
        kill()
        self._spool()
        for host in self._hosts:
            if host.disk is None:
                continue
            host.disk.fill()
            until(lambda host=host: "can't be written" in host.agent.log(), f"{host.name} says so")  # type: ignore[misc]
            self._start_on_a_full_disk(host, host.disk)
        start()

    def restored(self) -> None:
        """Each host is as it was at its copy, and knows nothing of what has been since."""
        for host in self._hosts:
            host.restore()

    def rotated(self) -> None:
        """The files that only rotate when all of them is found."""
        for host in self._hosts:
            for log in host.logs:
                if log.copied:
                    log.copytruncate()

    def check(self) -> None:
        """Nothing waits anywhere, nothing was given up, and the agents end."""
        for host in self._hosts:
            until(lambda host=host: host.spool_bytes == 0, f"the spool of {host.name} is sent")  # type: ignore[misc]
            assert host.agent.terminate() == 0, host.agent.log()
            assert not list(host.data_dir.glob("refused/*"))
            for wrong in ("are given up", "that weren't read", "lines of it are lost"):
                assert wrong not in host.agent.whole_log()

    def _kill_at_random(self, host: Host) -> None:
        try:
            code = host.agent.wait(self._chance.random() * _LIFE_SECONDS)
        except subprocess.TimeoutExpired:
            host.agent.kill()
            host.agent.start()
            self.kills += 1
        else:
            raise AssertionError(f"the agent of {host.name} ended with {code}: {host.agent.log()}")

    def _start_on_a_full_disk(self, host: Host, disk: SmallDisk) -> None:
        """It may refuse to start, in a sentence, as its state can't be written; then it is started again."""
        host.agent.kill()
        host.agent.launch()
        self.kills += 1
        try:
            code = host.agent.wait(_LIFE_SECONDS)
        except subprocess.TimeoutExpired:
            disk.make_room()
        else:
            assert (code, "full" in host.agent.log()) == (2, True), host.agent.log()
            disk.make_room()
            host.agent.start()

    def _spool(self) -> None:
        for host in self._hosts:
            before = host.spool_bytes
            until(lambda host=host, before=before: host.spool_bytes > before, f"{host.name} spools")  # type: ignore[misc]


@contextmanager
def running_hosts(
    folder: Path, load: Load, settings: Mapping[str, Mapping[str, object]], disks: bool, long: bool
) -> Iterator[Hosts]:
    """A host for each of `settings`, by its name, with its agent running; `disks` needs root."""
    with ExitStack() as stack:
        hosts = []
        for name, own in settings.items():
            disk = stack.enter_context(small_disk(folder / f"disk-{name}", _DISK_BYTES)) if disks else None
            hosts.append(Host(folder / name, load, own, disk))
        for host in hosts:
            stack.enter_context(host.agent)
        yield Hosts(hosts, load, long)
