"""kill -9 of a remote agent, of its server, or of both at random moments: every line of the followed files is found
exactly once.

Writers append to log files on the agent's side, which they rotate, whether anybody runs or not: one to a plain file,
one to a file whose events have two lines, one to a container's, with parts of lines in both of its streams.
"""

from __future__ import annotations

import functools
import json
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.load import SETTINGS, found_once, one_line, write_file, writers
from tests.support.process import Server, free_port, until


def _two_lines(time: str, text: str) -> str:
    return f"{time} INFO\n\t{text}\n"


def _parts(time: str, text: str) -> str:
    """The parts of two lines in turns; the other one is another service's."""
    out, err = f"{time} stdout", f"{time} stderr"
    other = '{"service":', '"beside"}'
    return f"{out} P INFO \n{err} P {other[0]}\n{out} P {text[:3]}\n{out} F {text[3:]}\n{err} F {other[1]}\n"


_WRITTEN = {"plain": one_line, "joined": _two_lines, "container": _parts}
#: Whoever is killed, and however slow the machine is: an event that has begun goes on before that.
_WAIT_SECONDS = 20.0
_ENTRIES: Mapping[str, Mapping[str, object]] = {
    "plain": {},
    "joined": {"multiline_continuation": "\t", "multiline_seconds": _WAIT_SECONDS},
    "container": {"format": "cri", "multiline_seconds": _WAIT_SECONDS},
}
#: At most, from when all that are to run are up, or were launched.
_LIFE_SECONDS = 1.5


def _pair(folder: Path, logs: Path) -> tuple[Server, Server]:
    """A server, and an agent on another host, as it were."""
    listen = f"127.0.0.1:{free_port()}"
    files = [{"paths": [f"{logs}/{name}.log*"], "service": name, **entry} for name, entry in _ENTRIES.items()]
    server = Server(folder / "server", settings={**SETTINGS, "api.listen": listen}, roles="processor,api")
    settings = {**SETTINGS, "agent.server": f"http://{listen}", "agent.files": json.dumps(files)}
    return server, Server(folder / "agent", settings=settings, roles="agent")


def _kill_at_random(server: Server, agent: Server, rounds: int, chance: random.Random) -> Mapping[str, int]:
    """So many times both live for a while, then one or both are killed, and started again; gives how often who."""
    killed: Counter[str] = Counter()
    for _ in range(rounds):
        with pytest.raises(subprocess.TimeoutExpired):
            agent.wait(chance.random() * _LIFE_SECONDS)
        who = chance.choice(("agent", "server", "both"))
        victims = {"agent": [agent], "server": [server], "both": [server, agent]}[who]
        for victim in victims:
            victim.kill()
        if server in victims and server.port:
            server.check_ledger()
        for victim in victims:
            victim.launch()
        if chance.random() < 0.8:
            server.wait_listening()
        killed[who] += 1
    server.wait_listening()
    return killed


def _wait_for(server: Server, service: str, phrase: str) -> None:
    until(lambda: server.search(service=service, q=phrase)["logs"], f"{phrase} is found")
    server.settle()


@pytest.mark.timeout(3_600)
def test_agent_server_or_both_are_killed(tmp_path: Path, long: bool) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    logs, stop = tmp_path / "logs", threading.Event()
    logs.mkdir()

    def write(day: int, name: str) -> int:
        chance = random.Random(f"{seed} {name}")
        return write_file(logs / f"{name}.log", name, day, chance, stop, _WRITTEN[name])

    server, agent = _pair(tmp_path, logs)
    with server, agent:
        jobs = {name: functools.partial(write, day, name) for day, name in enumerate(_WRITTEN)}
        with writers(jobs, stop.set) as running:
            killed = _kill_at_random(server, agent, 60 if long else 10, random.Random(seed))
        counts = {name: job.result() for name, job in running.items()}
        print(f"killed {dict(killed)}, lines {counts}")
        assert min(counts.values()) > 0
        for day, name in enumerate(_WRITTEN):
            _wait_for(server, name, f'"{name} {counts[name] - 1}"')
            found_once(server, name, day, name, counts[name])
        assert not {"transport.db", "refused", "index"} & {path.name for path in agent.data_dir.iterdir()}
        assert agent.terminate() == 0
        assert server.terminate() == 0
