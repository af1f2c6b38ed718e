"""The command `logd`: one subcommand a file. What a command needs it imports when it runs, so that --help is quick."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from logd import __version__
from logd.cli import (
    agent,
    agents,
    alerts,
    archive,
    audit,
    completion,
    config,
    connect,
    context,
    dashboards,
    deadletter,
    export,
    field_names,
    get,
    import_,
    migrate,
    parse,
    patterns,
    query,
    resend,
    restore,
    retention,
    saved,
    search,
    server,
    stats,
    status,
    store,
    tail,
    token,
    transport,
)
from logd.errors import ConfigError, LogdError

#: What a shell reports for a program that SIGPIPE ended, which is what the others in the pipe do.
_BROKEN_PIPE = 141
_INTERRUPTED = 130
#: In the order in which --help shows them.
_COMMANDS = (
    server,
    agent,
    search,
    saved,
    dashboards,
    alerts,
    patterns,
    tail,
    stats,
    field_names,
    get,
    context,
    query,
    status,
    agents,
    import_,
    export,
    restore,
    deadletter,
    resend,
    audit,
    retention,
    archive,
    store,
    transport,
    token,
    migrate,
    parse,
    config,
    completion,
)
_EXAMPLES = """examples:
  logd server /var/log/nginx
  logd search 'level:ERROR AND timeout' --from -1h

"""


class _Command(argparse.ArgumentParser):
    """Says in what it gives which command that was, the innermost, whose usage people are to see."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found, more = super().parse_known_args(args, namespace)
        vars(found).setdefault("command", self)
        return found, more


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the process's exit code: 0 done, 1 failed, 2 wrong usage or configuration, and
    what Failed says. Errors are one line on standard error."""
    parser = make_parser()
    try:
        args, more = parser.parse_known_args(search.with_times_attached(sys.argv[1:] if argv is None else argv))
        if more:
            several = hasattr(args, "query") and not more[0].startswith("-")
            hint = f"; several words are one query in quotes: '{args.query} {more[0]} …'" if several else ""
            args.command.error(f"unrecognized arguments: {' '.join(more)}{hint}")
        run: Callable[[argparse.Namespace], int] | None = getattr(args, "run", None)
        if run is None:
            parser.print_help(sys.stderr)
            return 2
        code = run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except LogdError as error:
        return _failed(error)
    return code


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Command(
        prog="logd",
        description="A centralized log service.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"logd {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    return parser


def _failed(error: LogdError) -> int:
    """Says it in one line; the exit code."""
    from logd.cli.hits import printable

    print(f"logd: {printable(str(error))}", file=sys.stderr)
    code: int = getattr(error, "exit_code", 2 if isinstance(error, ConfigError) else 1)
    return code
