"""The options of every command that reads a configuration."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logd.cli import actions as made
from logd.errors import ConfigError

if TYPE_CHECKING:
    from logd.config.schema import Config


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds --config, --set and FILE."""
    parser.add_argument("--config", metavar="FILE", help="a TOML file; else $LOGD_CONFIG, else the defaults")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="overrides one key, as in api.listen=[::1]:80"
    )


def add_action(
    actions: Any, name: str, what: str, description: str, run: Callable[[argparse.Namespace], int], example: str
) -> argparse.ArgumentParser:
    """A command's action that reads a configuration: `what` is its line in the help, `example` what follows `logd`."""
    action = made.add(actions, name, what, description, run, f"example:\n  logd {example}")
    add_to(action)
    return action


def add_files_to(parser: argparse.ArgumentParser) -> None:
    """Adds the files to follow."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="a file to follow from its beginning, or a folder for the text logs in it, beside those configured",
    )


def load(args: argparse.Namespace, sets: Sequence[str] = ()) -> Config:
    """The configuration that the options and the environment describe. Files that can't be followed are named on
    standard error. Raises ConfigError when it is wrong, and when files are given of which none can be followed."""
    from logd.cli.pick import pick
    from logd.config.load import load as load_config

    path = args.config or os.environ.get("LOGD_CONFIG")
    asked = getattr(args, "files", [])
    files, left_out = pick(asked) if asked else ([], [])
    for sentence in left_out:
        print(f"logd: {sentence}", file=sys.stderr)
    if asked and not files:
        nothing = f"no file to follow among {', '.join(asked)}"
        # A fresh machine's /var/log may hold nothing yet, which is no reason not to take HTTP requests.
        if not all(map(os.path.isdir, asked)):
            raise ConfigError(nothing)
        print(f"logd: {nothing}", file=sys.stderr)
    return load_config(Path(path) if path else None, os.environ, [*args.set, *sets], files)
