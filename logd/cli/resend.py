"""`logd resend`: what a server has refused, and an agent has kept, once more."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from logd.cli import connect, settings

_EXAMPLES = """example:
  logd resend --config /etc/logd.toml --url https://logs.example.org

Chunks that the server takes are deleted here. One that it has had before is stored once.

"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "resend",
        help="send again what an agent keeps in DATA_DIR/refused",
        description="Sends the chunks that a server refused for good, and this host's agent has kept, once more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    settings.add_to(parser)
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sends them one by one; 1 when one was refused again or can't be read."""
    config = settings.load(args)
    from pathlib import Path

    import msgspec

    from logd import shipment
    from logd.agent.aside import Aside
    from logd.chunk import Message, from_message
    from logd.cli.ask import Failed
    from logd.cli.hits import printable
    from logd.cli.sending import Sending
    from logd.errors import BadRequest, NotFound

    def say(sentence: str) -> None:
        print(printable(sentence), file=sys.stderr, flush=True)

    sending = Sending(connect.server(args), say)
    folder = Aside(Path(config.data_dir))
    files = folder.kept()
    if not files:
        raise NotFound(f"{folder.folder} has no refused chunks")
    lines = left = 0
    for file in files:
        try:
            for envelope in shipment.decode(file.read_bytes()).envelopes:
                chunk = from_message(Message(0, 0, 0, "", envelope.headers, envelope.value))
                sending.send([msgspec.structs.replace(chunk, replayed=True)])
                lines += chunk.lines
            file.unlink()
        except (BadRequest, OSError) as error:
            say(f"{file} can't be sent: {error}")
            left += 1
        except Failed as failure:
            if failure.status not in (400, 409, 413):
                raise
            say(f"{file} is refused: {failure}")
            left += 1
    print(f"{lines:,} lines sent" + (f", {left} files are left in {folder.folder}" if left else ""))
    return 1 if left else 0
