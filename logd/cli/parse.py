"""`logd parse`: what a server with this configuration would make of the lines of files, and which parser of which."""

from __future__ import annotations

import argparse
from typing import Any

from logd.cli import settings

_EXAMPLES = """examples:
  logd parse --config logd.toml /var/log/nginx/access.log | head
  journalctl -o short-iso -n 100 | logd parse --service journal
  logd parse --set parse.files='conf/parsers/*.toml' --format json --service nginx access.log.2.gz

Records that rules of shaping would leave out are shown, and say so. At the end, standard error has how many lines each
parser and each of its steps took, what rules did, and some lines that none understood."""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "parse",
        help="show what the parsers make of a file's lines",
        description="Shows the fields of each line of files, plain, gzip or zstd, as the configured parsers take them"
        " out. Service, host, tags and fields are those with which an agent would send the file. A line is a record,"
        " whatever `multiline` says, and UTF-8.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES,
        allow_abbrev=False,
    )
    settings.add_to(parser)
    parser.add_argument("--service", metavar="S", help="the lines' service (as an agent would call it)")
    parser.add_argument("--source", metavar="P", help="the path that the lines are from (the file's own)")
    parser.add_argument("--content-type", metavar="T", help="of the lines, such as application/x-ndjson (text/plain)")
    parser.add_argument(
        "--format",
        choices=("table", "blocks", "json"),
        help="blocks: as wide as the terminal; json: a line each (blocks on a terminal, else table)",
    )
    parser.add_argument("files", metavar="FILE", nargs="*", help="- is standard input, which is read without any, too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the records, then the tally on standard error; the exit code, 1 when a file can't be read."""
    import os
    import shutil
    import sys

    from logd.cli.blocks import Blocks
    from logd.cli.fields import Table, write_json
    from logd.cli.hits import cut
    from logd.cli.inputs import STDIN
    from logd.cli.tally import Tally
    from logd.cli.trying import Trial
    from logd.errors import Corrupt, NotFound
    from logd.roles.parsing import parser_of

    files, args.files = args.files or [STDIN], []
    config = settings.load(args)
    trial = Trial(config, args.service, args.source, args.content_type)
    tally = Tally({table.name for table in config.parser if any(step.type == "text" for step in table.steps)})
    columns = shutil.get_terminal_size().columns
    match args.format or ("blocks" if sys.stdout.isatty() else "table"):
        case "json":
            show = write_json
        case "blocks":
            show = Blocks(trial.host, columns, sys.stdout.isatty() and not os.environ.get("NO_COLOR")).write
        case _:
            show = Table(trial.host).write
    parser = parser_of(config)()
    code = 0
    try:
        for name in files:
            try:
                for chunk, lines in trial.chunks(name):
                    parsed = parser.parse([chunk], [chunk.observed_us])
                    show(parsed, sys.stdout)
                    tally.count(name, parsed, lines)
            except (Corrupt, NotFound) as error:
                print(f"logd: {error}", file=sys.stderr)
                code = 1
        sys.stdout.flush()
    finally:
        parser.close()
    for line in tally.text().split("\n"):
        print(cut(line, columns) if sys.stderr.isatty() else line, file=sys.stderr)
    return code
