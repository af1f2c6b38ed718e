"""`logd deadletter`: what a server couldn't store, and what shall become of it."""

from __future__ import annotations

import argparse
import base64
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from logd.cli import connect
from logd.errors import ConfigError

if TYPE_CHECKING:
    from logd.cli.ask import Server

_PATH = "/api/v1/deadletters"
_PAGE = 1_000
#: Named in one request: they have to fit into its address, where a server takes 8 kB.
_POSITIONS = 300


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("deadletter", help="look at what couldn't be stored, replay it", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def add(name: str, what: str, description: str, run: Any, *examples: str) -> argparse.ArgumentParser:
        shown = [f"deadletter {example}" for example in examples]
        return connect.add_action(actions, name, what, description, run, *shown)

    every = "list them"
    listed = add("list", every, "Prints dead letters, oldest first; in a pipe, as JSON lines.", run_list, "list")
    listed.add_argument("--json", action="store_true", help="JSON lines on a terminal too")
    shown = add(
        "show",
        "print one with its headers and text",
        "Prints headers, reason and text of a dead letter.",
        run_show,
        "show 17",
        "show 17 --raw >message.zst",
    )
    shown.add_argument("position", metavar="POSITION", type=int, help="as `logd deadletter list` shows it")
    shown.add_argument("--json", action="store_true", help="a JSON line on a terminal too")
    shown.add_argument("--raw", action="store_true", help="only the original bytes, as they were in the queue")
    replay = add(
        "replay",
        "try once more to store them",
        "Puts dead letters back into the queue; their lines keep their ids and days, and are stored once. What is"
        " refused once more is a dead letter again, at another position.",
        run_replay,
        "replay 17 18",
        "replay --all",
    )
    purge = add(
        "purge",
        "delete them",
        "Deletes dead letters for ever; `logd audit` counts their lines as removed. Asks before it deletes more than"
        " those that are named.",
        run_purge,
        "purge 17",
        "purge --before -30d",
        "purge --all --yes",
    )
    for action in (replay, purge):
        action.add_argument("positions", metavar="POSITION", type=int, nargs="*", help="which ones")
        action.add_argument("--all", action="store_true", help="all that there are")
    purge.add_argument("--before", metavar="TIME", help="those that were refused before: -30d, 2026-01-31")
    purge.add_argument("--yes", action="store_true", help="don't ask; needed where nobody can be asked")


def run_list(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines."""
    from logd.cli.hits import as_json, cut, printable
    from logd.cli.tables import size, table

    letters = _letters(connect.server(args))
    if args.json or not sys.stdout.isatty():
        for letter in letters:
            sys.stdout.buffer.write(as_json(letter).encode("utf-8", "backslashreplace") + b"\n")
        return 0
    rows = [["position", "time", "service", "lines", "size", "reason"]]
    for letter in letters:
        reason = printable(str(letter["reason"])).replace("\n", " ")
        numbers = (f"{letter['lines']:,}", size(letter["size"]))
        rows.append([str(letter["position"]), letter["time"], printable(letter["service"]), *numbers, reason])
    shown = table(rows, right="position,lines,size") if len(rows) > 1 else "no dead letters"
    columns = shutil.get_terminal_size().columns
    print("\n".join(cut(line, columns) for line in shown.split("\n")))
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Fields and text on a terminal, else a JSON line."""
    from logd.cli.hits import as_fields, as_json

    letter = connect.server(args).json("GET", f"{_PATH}/{args.position}")
    if args.raw:
        sys.stdout.buffer.write(base64.b64decode(letter["base64"]))
    elif args.json or not sys.stdout.isatty():
        sys.stdout.buffer.write(as_json(letter).encode("utf-8", "backslashreplace") + b"\n")
    else:
        headers = letter.pop("headers")
        text = letter.pop("text")
        shown = {name: value for name, value in letter.items() if name not in ("base64", "preview")}
        # Of what is no text, or too much: what can be seen of it.
        last = {"beginning": letter["preview"]} if text is None else {"text": text}
        print(as_fields({**shown, **{f"header {name}": value for name, value in headers.items()}, **last}))
    return 0


def run_replay(args: argparse.Namespace) -> int:
    """1 when one is missing or can't be replayed."""
    _one_of(args.positions, args.all)
    server = connect.server(args)
    bodies = [{"all": True}] if args.all else [{"positions": some} for some in _groups(args.positions)]
    done = _together(server.json("POST", f"{_PATH}/replay", (), body) for body in bodies)
    print(f"{done['replayed']} dead letters with {done['lines']} lines are in the queue again")
    return _left(done)


def run_purge(args: argparse.Namespace) -> int:
    """1 when one is missing, or the answer was no."""
    _one_of(args.positions, args.all, args.before)
    server = connect.server(args)
    if args.positions:
        parameters = [("positions", ",".join(map(str, some))) for some in _groups(args.positions)]
    else:
        which = f"that were refused before {args.before}" if args.before else "that there are"
        if not args.yes and not _agreed(f"delete all dead letters {which}, for ever?"):
            print("nothing is deleted")
            return 1
        parameters = [("before", args.before) if args.before else ("all", "true")]
    done = _together(server.json("DELETE", _PATH, [parameter]) for parameter in parameters)
    print(f"{done['removed']} dead letters with {done['lines']} lines are deleted")
    return _left(done)


def _agreed(question: str) -> bool:
    """Whether a person says yes. Raises ConfigError where there is none to ask."""
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} nobody can be asked here: add --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _groups(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(positions), _POSITIONS):
        yield positions[start : start + _POSITIONS]


def _together(answers: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """Of several answers the sums, and what is missing or refused of any."""
    whole = next(answers)
    for answer in answers:
        for name, value in answer.items():
            whole[name] = whole[name] | value if isinstance(value, dict) else whole[name] + value
    return whole


def _letters(server: Server) -> Iterator[dict[str, Any]]:
    after: int | None = 0
    while after is not None:
        answer = server.json("GET", _PATH, [("limit", str(_PAGE)), ("after", str(after))])
        yield from answer["deadletters"]
        after = answer["next_after"]


def _one_of(*given: Sequence[int] | bool | str | None) -> None:
    if sum(map(bool, given)) != 1:
        raise ConfigError("which dead letters? name positions, or else --all" + (" or --before" if given[2:] else ""))


def _left(done: dict[str, Any]) -> int:
    from logd.cli.hits import printable

    for position in done["missing"]:
        print(f"logd: there is no dead letter at position {position}", file=sys.stderr)
    refused: dict[str, str] = done.get("refused", {})
    for position, reason in refused.items():
        print(f"logd: the dead letter at position {position} stays: {printable(reason)}", file=sys.stderr)
    return 1 if done["missing"] or refused else 0
