"""The command `logd`: one subcommand a file. What a command needs it imports when it runs, so that --help is quick."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from logd import __version__
from logd.cli import agent, audit, config, search, server, store, token, transport
from logd.errors import ConfigError, LogdError

#: What a shell reports for a program that SIGPIPE ended, which is what the others in the pipe do.
_BROKEN_PIPE = 141
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the process's exit code: 0 done, 1 failed, 2 wrong usage or configuration; each
    command may add its own. Errors are one line on standard error."""
    parser = argparse.ArgumentParser(prog="logd", description="A centralized log service.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"logd {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in (server, agent, search, audit, store, transport, token, config):
        command.add_to(commands)
    try:
        args = parser.parse_args(search.with_times_attached(sys.argv[1:] if argv is None else argv))
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
        print(f"logd: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return code
