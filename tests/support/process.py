"""The real process: `python -m logd server …` on a free port, over a data folder that outlives it. Linux only.

Its output goes to files, so that no pipe can block it; and it dies with the process that started it, however that ends.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import orjson

from logd.config.schema import Config
from logd.roles.audit import audit
from tests.support.openapi import check_answer

_CHECKOUT = Path(__file__).parents[2]
_LISTENS = "logd listens on "
#: What has no api says where it tells how it is.
_TELLS = "logd tells how it is on "
#: For a busy machine; nothing takes so long.
PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.02
#: What the process writes to its log when something is wrong that nobody meant.
_ERRORS = (" ERROR ", '"level":"ERROR"', "Traceback (most recent call last)")
#: Asks the kernel for SIGKILL when the starter dies (1 is PR_SET_PDEATHSIG), then becomes the real command.
_DIES_WITH_US = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

INGEST = "/api/v1/logs/ingest"
SEARCH = "/api/v1/logs/search"
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
T = TypeVar("T")


class Answer(NamedTuple):
    """An HTTP answer. `headers` by their lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, by a strict parser: no NaN, no lone surrogates, valid UTF-8."""
        return orjson.loads(self.body)


def until(condition: Callable[[], T], what: str | Callable[[], str], seconds: float = PATIENCE_SECONDS) -> T:
    """The condition's first true value; AssertionError at the deadline, with `what` as it then is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(_PAUSE_SECONDS)
    return value


def ndjson(records: Sequence[object]) -> bytes:
    """The records as a body, a line each."""
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A logd that can be ended and started again over the same `folder`/data.

    As a context manager it is started, and killed at the end; then a test fails whose process logged an error, unless
    `may_log_errors` is set."""

    def __init__(
        self,
        folder: Path,
        *,
        files: Sequence[Path] = (),
        settings: Mapping[str, object] | None = None,
        roles: str = "agent,processor,api,archiver",
        under: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`files` are given as FILE…, `settings` by --set. `under` is a command that becomes the one it is given, with
        fewer rights; `environment` comes on top of ours. The role agent alone is run as `logd agent`. `settings` and
        `environment` may be changed between two starts."""
        self.settings = {"api.listen": "127.0.0.1:0", "data_dir": folder / "data", **(settings or {})}
        self.environment = dict(environment or {})
        self.data_dir = folder / "data"
        self.may_log_errors = False
        self.port = 0
        self._folder = folder
        self._files = files
        self._roles = roles
        self._under = under
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            print(self.log())
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        log = self.whole_log()
        if kind is not None:
            print(f"the log of {self._folder}:\n{log[-10_000:]}")
        elif not self.may_log_errors:
            assert not any(word in log for word in _ERRORS), log

    @property
    def pid(self) -> int:
        """Of the running process, or the last one."""
        assert self._child is not None
        return self._child.pid

    def launch(self) -> None:
        """Starts the process and doesn't wait for anything."""
        assert self._child is None or self._child.poll() is not None, "it is still running"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log_start = len(self.whole_log())
        role = ["agent"] if self._roles == "agent" else ["server", "--roles", self._roles]
        command = [sys.executable, "-m", "logd", *role]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        watched = [*self._under, sys.executable, "-I", "-S", "-c", _DIES_WITH_US, str(os.getpid())]
        with self._stdout.open("wb") as stdout, self._stderr.open("ab") as stderr:
            self._child = subprocess.Popen(
                [*watched, *command, "--", *map(str, self._files)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=self._folder,
                env={**environment_of_a_process(), **self.environment},
            )

    def start(self) -> None:
        """Returns once it listens; what has neither the role api nor telemetry.listen never does."""
        self.launch()
        if "api" in self._roles.split(","):
            self.wait_listening()
        elif "telemetry.listen" in self.settings or "LOGD_TELEMETRY__LISTEN" in self.environment:
            self.wait_listening(_TELLS)

    def wait_listening(self, says: str = _LISTENS) -> None:
        """Reads the address that the process prints. AssertionError when it ends before."""

        def address() -> str:
            assert self._child is not None
            ended = self._child.poll()
            text = self._stdout.read_text()
            assert ended is None, f"ended with code {ended}: {self.log()}"
            lines = [line for line in text.splitlines(keepends=True) if line.startswith(says)]
            return lines[0].removeprefix(says).strip() if lines and lines[0].endswith("\n") else ""

        self.port = urlsplit(until(address, "the process listens")).port or 0

    def kill(self) -> None:
        """SIGKILL, if it is running; returns when it is gone."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
        if self._child is not None:
            self._child.wait(PATIENCE_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal and doesn't wait."""
        assert self._child is not None
        self._child.send_signal(number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """The exit code. Raises subprocess.TimeoutExpired when it doesn't end by itself."""
        assert self._child is not None
        return self._child.wait(seconds)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def restart(self) -> None:
        """Starts again, over the same data."""
        self.start()

    def log(self) -> str:
        """What the process wrote on standard error since its last start."""
        return self.whole_log()[self._log_start :]

    def whole_log(self) -> str:
        """What all processes of this server wrote on standard error."""
        return self._stderr.read_text(errors="replace") if self._stderr.exists() else ""

    def peak_rss_bytes(self) -> int:
        """The most memory that was ever resident (VmHWM)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no VmHWM of {self.pid}")

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own; its answer is held to the OpenAPI document. Raises OSError or
        http.client.HTTPException when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, dict(headers or {}))
            with connection.getresponse() as answer:
                named = {name.lower(): text for name, text in answer.getheaders()}
                found = Answer(answer.status, named, answer.read())
        finally:
            connection.close()
        if method not in ("HEAD", "OPTIONS"):  # those of browsers, which describe themselves
            check_answer(method, path, found.status, found.headers.get("content-type", ""), found.body)
        return found

    def get(self, path: str, **parameters: object) -> Answer:
        """GET; a list is a parameter that repeats. `from_` is the parameter `from`."""
        query = urlencode({name.rstrip("_"): value for name, value in parameters.items()}, doseq=True)
        return self.request("GET", f"{path}?{query}" if query else path)

    def post(self, body: bytes, headers: Mapping[str, str], service: str = "") -> Answer:
        """POST to the ingest address."""
        return self.request("POST", INGEST, body, {**headers, **({"X-Service-Id": service} if service else {})})

    def ingest(self, service: str, records: Sequence[object], **headers: str) -> int:
        """Sends records as NDJSON; how many were accepted."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        answer = self.post(ndjson(records), {**NDJSON, **named}, service)
        assert answer.status == 202, answer
        return int(answer.json()["accepted"])

    def search(self, **parameters: object) -> dict[str, Any]:
        """The answer of a search that has to be answered."""
        answer = self.get(SEARCH, **parameters)
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.json()
        return body

    def records(self, service: str, **parameters: object) -> list[dict[str, Any]]:
        """What is found of a service, oldest first in the order of its sources, once everything that was accepted
        before is searchable. At most 10,000."""
        self.settle()
        found = self.search(service=service, limit=10_000, **parameters)
        assert found["total_hits"] == len(found["logs"]), "more than a page"
        return sorted(found["logs"], key=lambda record: str(record["log_id"]))

    def stage(self, name: str) -> dict[str, Any]:
        """What /api/v1/status says of a bounded queue: held, capacity, unit, blocked_seconds."""
        stage: dict[str, Any] = self.get("/api/v1/status").json()["stages"][name]
        return stage

    def check_ledger(self) -> None:
        """Every line that was ever accepted is accounted for, by the files alone: whether the process runs, or was just
        killed."""
        wrong = [entry for entry in audit(Config(data_dir=str(self.data_dir))) if entry.difference]
        assert not wrong, wrong

    def settle(self) -> None:
        """Returns when everything that was accepted before is searchable: the stream keeps its order."""
        word = f"settle{uuid.uuid4().hex}"
        self.ingest("settle", [{"message": word}])
        until(lambda: self.search(q=word, service="settle")["total_hits"], "a new line is found")

    @property
    def _stdout(self) -> Path:
        return self._folder / "stdout"

    @property
    def _stderr(self) -> Path:
        return self._folder / "stderr"


def environment_of_a_process() -> dict[str, str]:
    """Ours without settings of logd, and with this checkout's code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGD_")}
    path = os.pathsep.join(filter(None, [str(_CHECKOUT), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path}
