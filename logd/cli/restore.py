"""`logd restore`: a range of the archive, back into Elasticsearch for a while."""

from __future__ import annotations

import argparse
import time
from typing import Any
from urllib.parse import quote

from logd.cli import connect

_PATH = "/api/v1/archive/restores"
_LOOK_SECONDS = 1.0


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "restore",
        help="put a range of the archive back into Elasticsearch",
        description="Puts a range of the archive back into Elasticsearch, into indices restored-…, which are deleted "
        "when they expire. For those who ask Elasticsearch themselves: `logd search` reads the archive where it is.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  logd restore --from 2026-03-01 --to 2026-03-02 --service payment --wait\n"
        f"  logd restore --list\n  logd restore --end 0123456789ab\n\n{connect.EXIT_CODES}",
        allow_abbrev=False,
    )
    connect.add_to(parser)
    parser.add_argument("--from", dest="from_", metavar="TIME", help="where it begins, such as 2026-03-01 or -90d")
    parser.add_argument("--to", metavar="TIME", help="before when it ends")
    parser.add_argument("--service", action="append", default=[], metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--expires", default="7d", metavar="TIME", help="for how long (default: %(default)s)")
    parser.add_argument("--wait", action="store_true", help="until it is done")
    parser.add_argument("--list", action="store_true", help="print those that there are, as JSON lines")
    parser.add_argument("--end", metavar="ID", help="delete a restore's indices")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the restore, as a JSON line; 1 when it has failed."""
    from logd.cli.hits import as_json

    server = connect.server(args)
    if args.list:
        for one in server.json("GET", _PATH)["restores"]:
            print(as_json(one))
        return 0
    if args.end:
        print(as_json(server.json("DELETE", f"{_PATH}/{quote(args.end, safe='')}")))
        return 0
    if not (args.from_ and args.to):
        from logd.errors import ConfigError

        raise ConfigError("expected --from and --to, or --list, or --end ID")
    body = {"from": args.from_, "to": args.to, "services": args.service, "expires": args.expires}
    made = server.json("POST", _PATH, body=body)
    while args.wait and made["state"] in ("waiting", "running"):
        time.sleep(_LOOK_SECONDS)
        made = next((one for one in server.json("GET", _PATH)["restores"] if one["id"] == made["id"]), made)
    print(as_json(made))
    return 1 if made["state"] == "failed" else 0
