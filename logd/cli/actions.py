"""The actions of commands that have several."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add(
    actions: Any, name: str, what: str, description: str, run: Callable[[argparse.Namespace], int], epilog: str
) -> argparse.ArgumentParser:
    """Adds one to a command's subparsers: `what` is its line in the help."""
    action: argparse.ArgumentParser = actions.add_parser(
        name,
        help=what,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=epilog,
        allow_abbrev=False,
    )
    action.set_defaults(run=run)
    return action
