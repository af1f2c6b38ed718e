"""`python -m tests.bench [--quick] [--lines N] [--days D] [CASE…]`: one JSON line a case on standard output.

Ends with 0 also when a goal is missed (the line says so), with 1 when a case couldn't be run. The servers' data lies
in the folder for temporary files ($TMPDIR): on a real disk, for fsync to cost what it costs.
"""

import argparse
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import orjson

from tests.bench import fluent_bit, rsyslog, victoria_logs, vlagent
from tests.bench.bench import Bench, Peers, bench
from tests.bench.cases import CASES, DEFAULT, GROUPS
from tests.bench.corpus import corpus
from tests.bench.peers import binary
from tests.bench.report import GOAL_LINES

QUICK_LINES = 20_000
_PROBES = 200
_QUICK_PROBES = 40


def main(arguments: Sequence[str]) -> int:
    """Run the cases asked for; the exit code."""
    asked = _parsed(arguments)
    try:
        peers = Peers(
            binary(victoria_logs.BINARY_VARIABLE),
            binary(fluent_bit.BINARY_VARIABLE),
            binary(vlagent.BINARY_VARIABLE),
            rsyslog.executable(),
        )
    except FileNotFoundError as error:
        sys.exit(f"scripts/bench: {error}")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    lines = asked.lines or (QUICK_LINES if asked.quick else GOAL_LINES)
    probes = _QUICK_PROBES if asked.quick else _PROBES
    with (
        tempfile.TemporaryDirectory(prefix="logd-bench-") as folder,
        bench(corpus(lines, asked.days), Path(folder), peers, probes) as run,
    ):
        ran = [_run(run, name) for name in CASES if name in (asked.cases or DEFAULT)]
        return 0 if all(ran) else 1


def _run(run: Bench, name: str) -> bool:
    """Print the case's line; False when it couldn't be run."""
    try:
        print(CASES[name](run).json(), flush=True)
    except Exception as error:
        traceback.print_exc()
        print(orjson.dumps({"case": name, "error": str(error).partition("\n")[0]}).decode(), flush=True)
        return False
    return True


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="logd's figures, beside others'.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_LINES:,} lines; all default cases within 60 s")
    parser.add_argument("--lines", type=int, metavar="N", help=f"size of the corpus (default {GOAL_LINES:,})")
    parser.add_argument("--days", type=int, metavar="D", help="spread it over so many days (default: 200 s a million)")
    parser.add_argument(
        "cases",
        nargs="*",
        metavar="CASE",
        help=f"of {', '.join(CASES)}, or {', '.join(GROUPS)} for all of that kind; default {', '.join(DEFAULT)}",
    )
    asked = parser.parse_args(arguments)
    asked.cases = [name for asked_name in asked.cases for name in GROUPS.get(asked_name, [asked_name])]
    for name in asked.cases:
        if name not in CASES:
            parser.error(f"no case {name!r}; there are {', '.join(CASES)}")
    if asked.lines is not None and asked.lines < 1:
        parser.error(f"--lines must be positive, not {asked.lines}")
    if asked.days is not None and asked.days < 1:
        parser.error(f"--days must be positive, not {asked.days}")
    return asked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
