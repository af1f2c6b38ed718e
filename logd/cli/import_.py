"""`logd import`: finished files, plain or compressed, into a server; each line once, however often it is run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from logd.cli import connect

if TYPE_CHECKING:
    from logd.cli.importing import Options

_EXAMPLES = """examples:
  logd import /var/log/app.log.*.gz --service app --host web-1
  zstdcat old.ndjson.zst | logd import - --service checkout --format json

An import that was interrupted is continued by running it again. What a server has had in the last 30 days isn't stored
again: it is known by its content, whatever the file is called. For files that still grow there is `logd agent`.

"""
_MAX_LINE_BYTES = 1024 * 1024


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "import",
        help="send finished files to a server",
        description="Sends the lines of files, plain, gzip or zstd, each once, and shows how far it is.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="- is standard input")
    parser.add_argument("--service", metavar="S", help="of lines that tell none (from the file's name)")
    parser.add_argument("--host", metavar="H", help="of lines that tell none (this host)")
    parser.add_argument(
        "--format",
        choices=("auto", "json", "text"),
        default="auto",
        help="auto: JSON if the first line begins with {; a line that isn't is kept all the same",
    )
    parser.add_argument(
        "--max-line-bytes",
        metavar="N",
        type=int,
        default=_MAX_LINE_BYTES,
        help=f"longer lines are cut and tagged so ({_MAX_LINE_BYTES})",
    )
    parser.add_argument("--again", action="store_true", help="don't rely on what is remembered of earlier imports")
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Imports the files one after the other; the exit code."""
    from logd.cli.importing import import_file
    from logd.cli.progress import Bar
    from logd.cli.sending import Sending
    from logd.errors import ConfigError, Corrupt, NotFound

    if not 1024 <= args.max_line_bytes <= 64 * 1024 * 1024:
        raise ConfigError(f"--max-line-bytes is {args.max_line_bytes}, expected 1024 to 67108864")
    options = _options(args)
    code = 0
    with Bar(args.files) as bar:
        sending = Sending(connect.server(args), bar.say)
        for name in args.files:
            try:
                bar.say(import_file(name, options, sending, bar))
            except (Corrupt, NotFound) as error:
                bar.say(f"logd: {error}")
                code = 1
    return code


def _options(args: argparse.Namespace) -> Options:
    import socket

    from logd.cli.importing import Options

    return Options(
        service=args.service,
        host=args.host or socket.gethostname(),
        format=args.format,
        max_line_bytes=args.max_line_bytes,
        again=args.again,
        url=connect.server(args).base,
    )
