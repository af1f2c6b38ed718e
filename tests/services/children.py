"""Child processes that may outlive us: started in a group of their own, known again by pid and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.services.server import Command

#: Becomes another user and asks the kernel for SIGKILL when the thread that started it ends (1 is PR_SET_PDEATHSIG: a
#: change of user would undo it), where that is wanted; then becomes the command.
_LAUNCHER = """
import ctypes, os, signal, sys
starter, user, group = map(int, sys.argv[1:4])
if user:
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
if starter:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if starter in (0, os.getppid()):
    os.execvp(sys.argv[4], sys.argv[4:])
"""
_PAUSE_SECONDS = 0.02


class Child(msgspec.Struct, frozen=True):
    """A process that was started here, or by an earlier run; the leader of its group. `started` is in clock ticks since
    boot: a pid is used again, the two together are not."""

    pid: int
    started: int


def launch(command: Command, folder: Path, log: Path, *, tied: bool) -> subprocess.Popen[bytes]:
    """Starts it, both outputs to the end of the log. `tied`: it is killed when the thread that calls this ends, however
    that happens; else it lives on."""
    user, group = command.user or (0, 0)
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid() if tied else 0), str(user), str(group)]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*launcher, *command.argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=command.folder or folder,
            env={**os.environ, **command.environment},
            start_new_session=True,
        )


def child(pid: int) -> Child:
    """Of a process that was just launched and not yet waited for."""
    stat = _stat(pid)
    assert stat is not None, f"no process {pid}"
    return Child(pid, stat.started)


def alive(one: Child) -> bool:
    """Whether it still runs, and is the same; one that ended and wasn't waited for doesn't run."""
    stat = _stat(one.pid)
    return stat is not None and stat.started == one.started and stat.runs


def send(one: Child, number: signal.Signals) -> None:
    """SIGTERM asks the leader, which ends the others; any other signal hits the group. Nothing happens to a process
    that isn't the one that was started."""
    if not alive(one):
        return
    try:
        if number == signal.SIGTERM:
            os.kill(one.pid, number)
        else:
            os.killpg(one.pid, number)
    except ProcessLookupError:
        pass


def wait_or_kill(one: Child, seconds: float) -> None:
    """Returns when nothing of the group runs: what hasn't ended after `seconds` is killed."""
    if not _wait(one, seconds):
        send(one, signal.SIGKILL)
        _wait(one, seconds)


def _wait(one: Child, seconds: float) -> bool:
    """Whether the group ends in time. Many of them are no children of ours: nothing else tells."""
    deadline = time.monotonic() + seconds
    while alive(one) or any(stat.runs and stat.group == one.pid for stat in _all()):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


class _Stat(msgspec.Struct, frozen=True):
    runs: bool
    group: int
    started: int


def _all() -> Iterator[_Stat]:
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := _stat(int(name))):
            yield stat


def _stat(pid: int) -> _Stat | None:
    """None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # Past the command's name in brackets, which may hold spaces: the list starts with field 3, the state; the group is
    # field 5, the number of threads field 20, the start time field 22. A killed process whose first thread is gone
    # looks dead while others still hold its ports.
    fields = text.rpartition(")")[2].split()
    runs = fields[0] not in "ZX" or int(fields[17]) > 1
    return _Stat(runs=runs, group=int(fields[2]), started=int(fields[19]))
