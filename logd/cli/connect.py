"""The options of every command that asks a server: where it is, and who asks."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logd.cli import actions as made
from logd.errors import ConfigError

if TYPE_CHECKING:
    from logd.cli.ask import Server

DEFAULT_URL = "http://127.0.0.1:8080"
EXIT_CODES = """exit codes:
  0 done   1 refused, failed or not found   2 wrong usage or configuration   3 no server could be reached"""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds --url and --token-file."""
    parser.add_argument(
        "--url",
        metavar="URL",
        help=f"the server; else $LOGD_URL, else {DEFAULT_URL}; for https the system's certificates are trusted, or "
        "those in $SSL_CERT_FILE",
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="a file with the token; else $LOGD_TOKEN_FILE, else the token in $LOGD_TOKEN, else ~/.config/logd/token",
    )


def add_action(
    actions: Any, name: str, what: str, description: str, run: Callable[[argparse.Namespace], int], *examples: str
) -> argparse.ArgumentParser:
    """A command's action that asks a server: `what` is its line in the help, `examples` what follows `logd`."""
    shown = "".join(f"\n  logd {example}" for example in examples)
    action = made.add(actions, name, what, description, run, f"examples:{shown}\n\n{EXIT_CODES}")
    add_to(action)
    return action


def server(args: argparse.Namespace) -> Server:
    """The server that the options and the environment name. Raises ConfigError for a token that can't be used."""
    from logd.cli.ask import Server

    return Server(args.url or os.environ.get("LOGD_URL") or DEFAULT_URL, token(args.token_file))


def token(file: str | None) -> str:
    """The token in `file`, else what the environment says; empty when there is none. Raises ConfigError."""
    if named := file or os.environ.get("LOGD_TOKEN_FILE"):
        return _read(Path(named))
    if text := os.environ.get("LOGD_TOKEN", "").strip():
        return _checked(text, "$LOGD_TOKEN")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    usual = Path(config) / "logd" / "token"
    return _read(usual) if usual.is_file() else ""


def _read(path: Path) -> str:
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise ConfigError(f"can't read the token file {path}: {(error.strerror or str(error)).lower()}") from None
    return _checked(text.strip(), str(path))


def _checked(text: str, where: str) -> str:
    """Never quotes the token: errors end up in logs."""
    if not text:
        raise ConfigError(f"{where} is empty, expected a token")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigError(f"{where} has {len(text)} characters that are no token: expected one line without blanks")
    return text
