"""One server under test as a child process: started, measured from /proc, stopped. Linux only."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
#: Longer than logd's own drain deadline (30 s), so that a kill means a hang.
STOP_SECONDS = 45.0
_LOG_TAIL_BYTES = 2_000
#: The kernel's number of a process's clock of this kind: see clock_getcpuclockid(3).
_CPUCLOCK_SCHED = 2


class ServerFailed(RuntimeError):
    """The process ended, or missed a deadline; the message carries the end of what it wrote."""


class ServerProcess:
    """A running child in a process group of its own.

    `stdout_lines` gives its standard output; standard error goes to `<name>.log` beside the data folder. Whoever
    starts it stops it: `stop` may be called twice, and leaves nothing of the group running.
    """

    def __init__(self, name: str, argv: Sequence[str], *, data_dir: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.data_dir = data_dir
        self._log_path = data_dir.parent / f"{name}.log"
        self._stdout_lines: queue.Queue[str | None] = queue.Queue()
        with self._log_path.open("wb") as log:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=data_dir.parent,
                env=dict(environment),
                start_new_session=True,
            )
        assert self._child.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._child.stdout,), name=f"{name}.stdout")
        self._reader.start()

    def _read(self, stdout: IO[bytes]) -> None:
        with stdout:
            for line in stdout:
                self._stdout_lines.put(line.decode(errors="replace").rstrip("\n"))
        self._stdout_lines.put(None)

    def wait_for_line(self, prefix: str, seconds: float) -> str:
        """The rest of the first line of standard output that starts with `prefix`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._stdout_lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise self.failure(f"printed no {prefix!r} within {seconds:g} s") from None
            if line is None:
                raise self.failure(f"ended before it printed {prefix!r}")
            if line.startswith(prefix):
                return line.removeprefix(prefix).strip()

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float, pause_seconds: float = 0.05) -> None:
        """Poll `ready` until it's true; connection errors count as false. ServerFailed at the deadline or the end."""
        deadline = time.monotonic() + seconds
        while not _succeeds(ready):
            if self._child.poll() is not None:
                raise self.failure(f"ended with code {self._child.returncode} before {what}")
            if time.monotonic() > deadline:
                raise self.failure(f"not {what} within {seconds:g} s")
            time.sleep(pause_seconds)

    def failure(self, what: str) -> ServerFailed:
        """The error to raise, with the end of the server's log."""
        tail = self._log_path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        return ServerFailed(f"{self.name}: {what}\n{tail}".rstrip())

    def cpu_seconds(self) -> float:
        """User and system seconds of the process and all its descendants, ended ones included; 10 ms grain."""
        return cpu_seconds(self._child.pid)

    def cpu_clock_seconds(self) -> float:
        """User and system seconds of the process alone, ended threads included, by its CPU clock; ns grain."""
        return time.clock_gettime(~self._child.pid << 3 | _CPUCLOCK_SCHED)

    def peak_rss_bytes(self) -> int:
        """The kernel's high-water mark of resident memory (VmHWM), summed over living descendants."""
        return sum(_status_bytes(pid, "VmHWM:") for pid in _family(self._child.pid))

    def rss_bytes(self) -> int:
        """Resident memory now, summed over living descendants."""
        return sum(_status_bytes(pid, "VmRSS:") for pid in _family(self._child.pid))

    def disk_bytes(self) -> int:
        """Sum of the file lengths in the data folder (as `du -sb` counts, folders left out)."""
        return sum(_length(file) for file in self.data_dir.rglob("*"))

    def stop(self) -> None:
        """SIGTERM, up to STOP_SECONDS, then SIGKILL to the whole group."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._child.wait()
        self._reader.join()


def cpu_seconds(pid: int) -> float:
    """As ServerProcess.cpu_seconds, of any process."""
    return sum(_cpu_ticks(one) for one in _family(pid)) / _TICKS_PER_SECOND


def _succeeds(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except OSError:
        return False


def _family(pid: int) -> Iterator[int]:
    """The process and its living descendants."""
    yield pid
    for task in _list(Path(f"/proc/{pid}/task")):
        for child in _text(task / "children").split():
            yield from _family(int(child))


def _cpu_ticks(pid: int) -> int:
    # Past the command's name in brackets, which may hold spaces: utime, stime, cutime, cstime are fields 14 to 17,
    # and the list starts with field 3. They cover every thread, ended ones too.
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15])


def _status_bytes(pid: int, name: str) -> int:
    for line in _text(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def _text(path: Path) -> str:
    """The file's text; empty when the process is gone."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _length(path: Path) -> int:
    """Bytes of a file; 0 for a folder and for what a merge has just removed."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
