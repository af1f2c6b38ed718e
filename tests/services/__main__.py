"""`python -m tests.services start|stop|status NAME…`: real servers that live on until they are stopped."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.services.cache import cache
from tests.services.errors import Failed, Missing
from tests.services.kinds import NAMES, kind_of
from tests.services.running import Running
from tests.services.state import read_state

_EPILOG = """\
start prints a line NAME URL for each server once it answers, whether it was started or ran already; for Kafka the URL
is its bootstrap servers. A server keeps its ports, and with them its URL, as long as its data is there.

  scripts/services start kafka --brokers 3
  scripts/services start redis --port 6379 --data /tmp/dev
  scripts/services stop all
"""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 1 when a server can't be started or stopped, or (status) doesn't answer."""
    asked = _parsed(arguments)
    act = {"start": _start, "stop": _stop, "status": _status}[asked.action]
    with ThreadPoolExecutor(len(asked.names)) as threads:
        done = [threads.submit(act, name, asked) for name in asked.names]
        good = [_said(name, result) for name, result in zip(asked.names, done, strict=True)]
        return 0 if all(good) else 1


def _said(name: str, result: Future[tuple[bool, str]]) -> bool:
    """Prints what an action has to say; False when it went wrong."""
    try:
        good, text = result.result()
    except (Missing, Failed, OSError) as error:
        print(f"services: {name}: {error}", file=sys.stderr, flush=True)
        return False
    print(f"{name} {text}", flush=True)
    return good


def _start(name: str, asked: argparse.Namespace) -> tuple[bool, str]:
    server = _server(name, asked)
    server.start()
    return True, server.url


def _stop(name: str, asked: argparse.Namespace) -> tuple[bool, str]:
    return True, "stopped" if _server(name, asked).stop() else "wasn't running"


def _status(name: str, asked: argparse.Namespace) -> tuple[bool, str]:
    server = _server(name, asked)
    if not server.pids:
        return False, "isn't running"
    about = f"(pid {', '.join(map(str, server.pids))}; data in {server.folder})"
    if not server.is_ready():
        return False, f"doesn't answer {about}"
    return True, f"{server.url} {about}"


def _server(name: str, asked: argparse.Namespace) -> Running:
    """As many members as were asked for, else as the data is of, else one."""
    folder: Path = asked.data / name
    members: int | None = {"kafka": asked.brokers, "elasticsearch": asked.nodes}.get(name)
    if members is None:
        state = read_state(folder)
        members = len(state.children) if state is not None else 1
    return Running(kind_of(name, members), folder, asked.port, tied=False)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/services",
        description="Gets, starts and stops real servers on 127.0.0.1, each with a data folder of its own.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("names", nargs="+", metavar="NAME", choices=[*NAMES, "all"], help=f"{', '.join(NAMES)} or all")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the data in DIR/NAME (default: below the cache)")
    parser.add_argument("--port", type=_port, metavar="N", help="of the one server to start (default: free ones)")
    parser.add_argument("--brokers", type=_members, metavar="N", help="of Kafka (default: 1)")
    parser.add_argument(
        "--nodes", type=_members, metavar="N", help="of Elasticsearch (default: 1), the last for warm data"
    )
    asked = parser.parse_args(arguments)
    asked.names = list(NAMES) if "all" in asked.names else list(dict.fromkeys(asked.names))
    if asked.port is not None and len(asked.names) > 1:
        parser.error(f"--port is for one server, not for {', '.join(asked.names)}")
    asked.data = asked.data or cache() / "data"
    return asked


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65_536:
        raise argparse.ArgumentTypeError(f"no port: {number}")
    return number


def _members(text: str) -> int:
    number = int(text)
    if not 0 < number < 10:
        raise argparse.ArgumentTypeError(f"between 1 and 9, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
