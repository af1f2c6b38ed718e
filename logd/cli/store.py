"""`logd store`: backups of the data folder, and what to do about damage in it."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logd.cli import connect, retention_usage, settings, store_stats
from logd.errors import ConfigError, LogdError, Unavailable

if TYPE_CHECKING:
    from logd.config.schema import Config


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("store", help="look at what is stored, back it up, mend damage", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    backup = settings.add_action(
        actions,
        "backup",
        "copy the data folder, also of a running server",
        "Copies queue, index and agent's state as they are at one moment into DIR, which must be empty or missing.",
        run_backup,
        "store backup /mnt/backup/monday --config logd.toml",
    )
    backup.add_argument("directory", metavar="DIR", help="on another disk, best")
    restore = settings.add_action(
        actions,
        "restore",
        "make a data folder from a backup",
        "Copies a backup into the data folder, which must be empty or missing, and checks every file.",
        run_restore,
        "store restore /mnt/backup/monday --config logd.toml",
    )
    restore.add_argument("directory", metavar="DIR", help="the backup")
    settings.add_action(
        actions,
        "repair",
        "make the manifest anew",
        "Makes the index's manifest from the segments, where it is missing, damaged or older than the queue. The server"
        " must be stopped; the old manifest is kept beside.",
        run_repair,
        "store repair --config logd.toml",
    )
    settings.add_action(
        actions,
        "verify",
        "read all data and look for damage",
        "Reads every segment, skip index and database, whether a server runs or not. Ends with 1 if any is damaged.",
        run_verify,
        "store verify --config logd.toml",
    )
    stats = settings.add_action(
        actions,
        "stats",
        "show what is stored, by day and policy",
        "Prints rows, segments and bytes of each day and policy, whether a server runs or not; what it only has in"
        " memory isn't counted. With --url, a server says lines, bytes and costs of each day, policy and tier, and with"
        " --services of each service, wherever they are.",
        store_stats.run,
        "store stats --config logd.toml",
    )
    stats.add_argument("--json", action="store_true", help="a JSON object a day and policy")
    connect.add_to(stats)
    retention_usage.add_to(stats)


def run_backup(args: argparse.Namespace) -> int:
    """Asks the server that holds the data folder, or does it itself when there is none."""
    config = settings.load(args)
    from logd.datadir import lock_if_free

    data_dir, directory = _data_dir(config), Path(args.directory).absolute()
    with lock_if_free(data_dir) as free:
        made = _backup_here(data_dir, directory) if free else _backup_by_server(data_dir, directory)
    print(f"{made['rows']} rows in {made['segments']} segments, {made['bytes']} bytes with the queue: {directory}")
    for damaged in made["damaged"]:
        print(f"{damaged['file']} with {damaged['rows']} rows is damaged, and not in it: {damaged['reason']}")
    return 1 if made["damaged"] else 0


def run_restore(args: argparse.Namespace) -> int:
    """Says what was restored."""
    config = settings.load(args)
    from logd.backup import about
    from logd.backup.restore import refuse_if_used, restore
    from logd.datadir import locked

    directory, data_dir = Path(args.directory), Path(config.data_dir)
    about.read(directory)  # locking makes a folder, which a wrong argument shouldn't
    refuse_if_used(data_dir)
    with locked(data_dir):
        made = restore(directory, data_dir)
    print(f"{made.rows} rows in {made.segments} segments as of {made.at}: {config.data_dir}")
    return 0


def run_repair(args: argparse.Namespace) -> int:
    """Says what was done."""
    config = settings.load(args)
    from logd.datadir import locked
    from logd.roles.repair import repair

    with locked(_data_dir(config)):
        done = repair(config)
    print(f"a new manifest names {done.segments} segments with {done.rows} rows")
    if done.old:
        print(f"the old one is kept as {', '.join(done.old)}")
    for files, why in ((done.dropped, "their rows are in other files"), (done.again, "they come again from the queue")):
        if files:
            print(f"{len(files)} files are left out, {why}")
    for damaged in done.damaged:
        print(f"{damaged.file} with {damaged.rows} rows is put aside: {damaged.reason}")
    return 0


def run_verify(args: argparse.Namespace) -> int:
    """Prints a line for each damaged file and one for all; 1 if any is damaged."""
    config = settings.load(args)
    from logd.roles.verify import verify

    _data_dir(config)
    files = size = damaged = 0
    for checked in verify(config):
        files += 1
        size += checked.bytes
        if checked.reason:
            damaged += 1
            print(f"{checked.file} is damaged: {checked.reason}")
    print(f"{files} files with {size} bytes read, {damaged} damaged")
    return 1 if damaged else 0


def _data_dir(config: Config) -> Path:
    path = Path(config.data_dir)
    if not path.is_dir():
        raise ConfigError(f"data_dir {config.data_dir!r} does not exist")
    return path


def _backup_here(data_dir: Path, directory: Path) -> dict[str, Any]:
    import asyncio

    from logd.roles import wiring
    from logd.roles.control import summary

    wiring.set_up_native_libraries()
    return summary(asyncio.run(wiring.backup(data_dir, directory)))


def _backup_by_server(data_dir: Path, directory: Path) -> dict[str, Any]:
    """Raises Unavailable when it can't be asked, LogdError with what it says when it refuses."""
    from logd.roles.control import SOCKET

    body = json.dumps({"directory": os.fspath(directory)}).encode()
    head = f"POST /backup HTTP/1.1\r\nHost: logd\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(os.fspath(data_dir / SOCKET))
            connection.sendall(head.encode() + body)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            said = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unavailable(f"the server of {data_dir} can't be asked for a backup: {reason}") from error
    if answer.status != 200:
        raise LogdError(said["error"]["message"])
    found: dict[str, Any] = said
    return found
