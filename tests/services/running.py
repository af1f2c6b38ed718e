"""A server over its data folder: started, found running, stopped, killed and started again, on the same ports."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.services.cache import locked
from tests.services.children import Child, alive, child, launch, send, wait_or_kill
from tests.services.errors import Failed
from tests.services.kinds import kind_of
from tests.services.ports import free_ports, is_free
from tests.services.server import Kind, Place
from tests.services.state import State, read_state, write_state

#: Elasticsearch with three nodes takes a minute on two busy cores.
START_SECONDS = 300.0
#: Kafka hands its partitions over, MariaDB writes its pages; all take seconds.
STOP_SECONDS = 90.0
_PAUSE_SECONDS = 0.1
_TAIL_BYTES = 3_000


def running(name: str, folder: Path, *, members: int = 1, port: int | None = None) -> Running:
    """A server of that kind (one of NAMES) whose data lies in `folder`, as a context manager that starts it and kills
    it at the end. It also dies with the thread that started it, so start it from one that lives as long as the test.

    `members`: brokers of Kafka, nodes of Elasticsearch. `port`: the first one's; else free ones, below those of
    outgoing connections. Entering raises Missing where the server can't be had, Failed where it doesn't get ready."""
    return Running(kind_of(name, members), folder, port, tied=True)


class Running:
    """One server, which can be stopped, killed and started again over the same data. Not thread-safe.

    It may already run when this is made: `start` then does nothing, and `stop` stops it."""

    def __init__(self, kind: Kind, folder: Path, port: int | None = None, *, tied: bool) -> None:
        """`tied`: its processes are killed when the thread that started them ends."""
        self.folder = folder.resolve()
        self._kind = kind
        self._port = port
        self._tied = tied
        self._popen: dict[int, subprocess.Popen[bytes]] = {}
        self._log_starts: dict[int, int] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """What a client is configured with: a URL with credentials; for Kafka its bootstrap servers, `host:port,…`."""
        return self._state().url

    @property
    def ports(self) -> tuple[int, ...]:
        """Of clients, one for each member."""
        return self._state().ports[: self._kind.members]

    @property
    def port(self) -> int:
        """The first member's."""
        return self.ports[0]

    @property
    def password(self) -> str:
        """The one in the URL."""
        return self._state().password

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the members that run. Each leads a process group of that number: Elasticsearch's server is a child."""
        return tuple(one.pid for one in self._children() if one is not None and alive(one))

    def is_running(self) -> bool:
        """Whether all its processes run, ready or not."""
        return len(self.pids) == self._kind.members

    def is_ready(self) -> bool:
        """Whether it answers now."""
        state = read_state(self.folder)
        return state is not None and self.is_running() and self._answers(state)

    def start(self) -> bool:
        """Starts the members that don't run; returns when the server answers, False when there was nothing to start. Of
        two callers at once, one starts it and the other waits. Raises Missing, Failed; then it has started nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / "lock"):
            recorded = self._recorded()
            self._kind.get()
            state = self._first() if recorded is None else self._on_free_ports(recorded)
            missing = [at for at, one in enumerate(state.children) if one is None or not alive(one)]
            try:
                self._launch(state, missing)
                self._wait_ready(state)
            except BaseException:
                self._end(missing, signal.SIGKILL)
                raise
        return bool(missing)

    def stop(self, member: int | None = None) -> bool:
        """SIGTERM, to one member or all; returns when they are gone, True when one had run."""
        return self._end(self._members(member), signal.SIGTERM)

    def kill(self, member: int | None = None) -> bool:
        """SIGKILL, to one member or all; returns when they are gone, True when one had run."""
        return self._end(self._members(member), signal.SIGKILL)

    def pause(self, member: int | None = None) -> None:
        """SIGSTOP: connections stay open and nothing is answered, until `resume`. Only `kill` ends it then."""
        self._send(self._members(member), signal.SIGSTOP)

    def resume(self, member: int | None = None) -> None:
        """SIGCONT, after `pause`."""
        self._send(self._members(member), signal.SIGCONT)

    def log(self) -> str:
        """The end of what its processes have written since they were started here, ended ones first."""
        texts = [
            (at in self._popen and self._popen[at].poll() is None, self._written(at)) for at in self._members(None)
        ]
        return "\n".join(text[-_TAIL_BYTES:] for _, text in sorted(texts) if text)

    def _members(self, member: int | None) -> list[int]:
        return list(range(self._kind.members)) if member is None else [member]

    def _state(self) -> State:
        state = read_state(self.folder)
        if state is None:
            raise Failed(f"no {self._kind.name} was ever started in {self.folder}")
        return state

    def _children(self) -> tuple[Child | None, ...]:
        state = read_state(self.folder)
        return () if state is None else state.children

    def _recorded(self) -> State | None:
        """What the folder says. Raises Failed when it is of another server."""
        state, kind = read_state(self.folder), self._kind
        if state is not None and (state.name, len(state.children)) != (kind.name, kind.members):
            has = f"{self.folder} has the data of {len(state.children)} × {state.name}"
            raise Failed(f"{has}, not of {kind.members} × {kind.name}: choose another folder")
        return state

    def _on_free_ports(self, state: State) -> State:
        """With the ports that it had, unless somebody has taken them or another was asked for."""
        if any(one is not None and alive(one) for one in state.children):
            return state
        asked = self._port in (None, state.ports[0])
        if asked and all(map(is_free, state.ports)):
            return state
        return State(state.name, state.url, self._ports(), state.password, state.children)

    def _first(self) -> State:
        kind = self._kind
        return State(kind.name, "", self._ports(), secrets.token_hex(12), (None,) * kind.members)

    def _ports(self) -> tuple[int, ...]:
        if self._port is None:
            return free_ports(self._kind.port_count)
        if not is_free(self._port):
            raise Failed(f"port {self._port} is taken")
        return (self._port, *free_ports(self._kind.port_count - 1))

    def _launch(self, state: State, missing: list[int]) -> None:
        if not missing:
            return
        place = self._place(state)
        self._kind.prepare(place)
        children = list(state.children)
        for at in missing:
            if ended := self._popen.pop(at, None):
                ended.wait()
            log = self._log(at)
            self._log_starts[at] = log.stat().st_size if log.exists() else 0
            self._popen[at] = launch(self._kind.command(place, at), self.folder, log, tied=self._tied)
            children[at] = child(self._popen[at].pid)
            write_state(
                self.folder,
                State(state.name, self._kind.url(place), state.ports, state.password, tuple(children)),
            )

    def _wait_ready(self, state: State) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers(state):
            for at, process in self._popen.items():
                if (code := process.poll()) is not None:
                    raise Failed(f"{self._kind.name} ended with code {code}, the end of {self._log(at)}:\n{self.log()}")
            if not self.is_running():
                raise Failed(f"{self._kind.name} ended: see the logs in {self.folder}")
            if time.monotonic() > deadline:
                raise Failed(f"{self._kind.name} isn't ready within {START_SECONDS:g} s, its log ends:\n{self.log()}")
            time.sleep(_PAUSE_SECONDS)

    def _answers(self, state: State) -> bool:
        with contextlib.suppress(OSError):
            return self._kind.ready(self._place(state))
        return False

    def _end(self, members: list[int], number: signal.Signals) -> bool:
        running = self._alive(members)
        # All at once, then one by one: the last of a cluster may wait for one that is gone.
        for one in running:
            send(one, number)
        for one in running:
            wait_or_kill(one, STOP_SECONDS)
        for at in members:
            if process := self._popen.pop(at, None):
                process.kill()  # if the folder, which tells of it, is gone
                process.wait()
        return bool(running)

    def _send(self, members: list[int], number: signal.Signals) -> None:
        for one in self._alive(members):
            send(one, number)

    def _alive(self, members: list[int]) -> list[Child]:
        children = self._children()
        return [one for at in members if at < len(children) and (one := children[at]) is not None and alive(one)]

    def _place(self, state: State) -> Place:
        return Place(self.folder, state.ports, state.password)

    def _log(self, member: int) -> Path:
        return self.folder / f"{self._kind.name}-{member}.log"

    def _written(self, member: int) -> str:
        log = self._log(member)
        if not log.exists():
            return ""
        return log.read_bytes()[self._log_starts.get(member, 0) :].decode(errors="replace").strip()
