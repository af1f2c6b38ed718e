"""The oracle of a cluster: writers of numbered lines that never stop, what was accepted of them, and the proof that
each is found once, by its log_id and by its text, and nothing else is."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.process import NDJSON, SEARCH, Server, ndjson, until

_LINES = 5
_WRITERS = 4
#: Of each writer, between two requests: together some 100 lines a second.
_PAUSE_SECONDS = 0.2
#: One request of so many is sent again though it was accepted, as by a client whose connection broke.
_AGAIN = 20
_PAGE = 10_000
_FILE = "file"
#: For engines that were away for a minute, and then take another to come back, on a busy machine.
_PATIENCE_SECONDS = 400.0


class Load:
    """What was sent, and what was accepted: of each writer the numbers below these."""

    def __init__(self, api: Server, headers: dict[str, str] | None = None, names: Sequence[str] = ()) -> None:
        """`names` are those of writers of one's own, instead of ours. `api` is who is asked."""
        self.api = api
        self.headers = headers or {}
        self.names = tuple(names) or (*(f"writer-{number}" for number in range(_WRITERS)), _FILE)
        self.sent = Counter(dict.fromkeys(self.names, 0))
        self.accepted = Counter(dict.fromkeys(self.names, 0))
        self.resent = 0
        self.refusal = ""
        self._stop = threading.Event()

    def send(self, name: str) -> int:
        """Requests, each until it is accepted; gives how many lines there were."""
        requests = 0
        while not self._stop.wait(_PAUSE_SECONDS):
            first = self.accepted[name]
            at = datetime.now(UTC).isoformat()
            body = ndjson([{"timestamp": at, "message": f"numbered {name} {first + n}"} for n in range(_LINES)])
            headers = {**NDJSON, **self.headers, "Idempotency-Key": f"{name} {requests}"}
            self.sent[name] += _LINES
            for _ in range(2 if requests % _AGAIN == 0 else 1):
                self._until_accepted(body, headers, f"service-{name}-{requests % 10}")
            self.accepted[name] += _LINES
            requests += 1
        return self.accepted[name]

    def append(self, path: Path) -> int:
        """Whole lines at the end of a file."""
        with path.open("ab", buffering=0) as file:
            while not self._stop.wait(_PAUSE_SECONDS):
                at, n = datetime.now(UTC).isoformat(), self.sent[_FILE]
                self.sent[_FILE] += 1
                file.write(f"{at} INFO numbered {_FILE} {n}\n".encode())
                self.accepted[_FILE] += 1
        return self.accepted[_FILE]

    def jobs(self, file: Path) -> dict[str, Callable[[], int]]:
        """What the writers do, by their names; the agent follows `file`."""
        sending = {name: partial(self.send, name) for name in self.names if name != _FILE}
        return {**sending, _FILE: lambda: self.append(file)}

    def more(self) -> None:
        """Returns when every writer has had something accepted since."""
        before = Counter(self.accepted)
        until(
            lambda: all(count > before[name] for name, count in self.accepted.items()),
            lambda: f"more is accepted than {before}; the last refusal: {self.refusal}",
            _PATIENCE_SECONDS,
        )

    def goes_on(self, seconds: float) -> bool:
        """Returns so much later; False, and at once, when the writers are to end."""
        return not self._stop.wait(seconds)

    def found(self) -> Counter[str]:
        """Returns when everything that was accepted is found, as long as they write with lines from now; gives that."""
        if not self._stop.is_set():
            self.more()
        expected = Counter(self.accepted)
        until(lambda: self.total() >= expected.total(), lambda: self._missing(expected), _PATIENCE_SECONDS)
        until(lambda: self._check(expected), lambda: self._missing(expected), _PATIENCE_SECONDS)
        return expected

    def end(self) -> None:
        """Tells the writers to end."""
        self._stop.set()

    def _until_accepted(self, body: bytes, headers: dict[str, str], service: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = self.api.post(body, headers, service)
            except (OSError, http.client.HTTPException) as error:
                self.refusal = repr(error)
                self._stop.wait(_PAUSE_SECONDS)
            else:
                if answer.status == 202:
                    return
                self.refusal = repr(answer)
                assert answer.status in (429, 503), answer
            assert time.monotonic() < deadline, f"not accepted within {_PATIENCE_SECONDS:g} s"
            self.resent += 1

    def total(self, **filters: str) -> int:
        """Hits, of `service` or all; -1 while they can't be counted."""
        answer = self._search(limit=0, track_total_hits="true", **filters)
        return -1 if answer is None else int(answer["total_hits"])

    def _check(self, expected: Counter[str]) -> bool:
        """Whether all that was `expected` is found, once. Raises AssertionError when something is found twice, or was
        never sent."""
        found = self._found()
        if found is None:
            return False
        twice = [name for name, count in found.items() if count > 1]
        assert not twice, f"found twice: {twice[:10]}"
        unsent = [(name, n) for name, n in found if n >= self.sent[name]]
        assert not unsent, f"found, and never sent: {unsent[:10]}"
        return all((name, n) in found for name, count in expected.items() for n in range(count))

    def _missing(self, expected: Counter[str]) -> str:
        """Some of what isn't found."""
        found = self._found() or Counter()
        missing = [f"{name} {n}" for name, count in expected.items() for n in range(count) if not found[name, n]]
        return f"{len(missing)} are missing: {missing[:10]}"

    def _found(self) -> Counter[tuple[str, int]] | None:
        """How often each line is found; None while it can't be told."""
        found: Counter[tuple[str, int]] = Counter()
        ids: set[str] = set()
        cursor: dict[str, object] = {}
        while True:
            answer = self._search(sort="oldest", limit=_PAGE, track_total_hits="false", **cursor)
            if answer is None:
                return None
            for record in answer["logs"]:
                *_, name, number = record["message"].split()
                found[name, int(number)] += 1
                ids.add(record["log_id"])
            if not answer["next_cursor"]:
                break
            cursor = {"cursor": answer["next_cursor"]}
        assert len(ids) == found.total(), "a log_id is found twice"
        return found

    def _search(self, **parameters: object) -> dict[str, Any] | None:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        answer = self.api.request("GET", f"{SEARCH}?q=numbered&{query}", headers=self.headers)
        assert answer.status in (200, 429, 503, 504), answer
        found: dict[str, Any] | None = answer.json() if answer.status == 200 else None
        return found
