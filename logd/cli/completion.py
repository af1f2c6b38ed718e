"""`logd completion`: a script that lets a shell complete commands, options and files."""

from __future__ import annotations

import argparse
from typing import Any

_EXAMPLES = """examples:
  logd completion bash >~/.local/share/bash-completion/completions/logd
  logd completion zsh >"${fpath[1]}/_logd"
  logd completion fish >~/.config/fish/completions/logd.fish
"""
#: The metavars of what is a file or a folder.
_FILES = ("FILE", "FILE…")
_FOLDERS = ("DIR",)


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "completion",
        help="print a shell's completion script",
        description="Prints a script for the shell, which then completes commands, options and files.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES,
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the script."""
    import shtab

    from logd.cli.main import make_parser

    parser = make_parser()
    _mark_files(parser)
    print(shtab.complete(parser, args.shell))
    return 0


def _mark_files(parser: argparse.ArgumentParser) -> None:
    """shtab asks an action's attribute `complete` what its values are."""
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _mark_files(inner)
        elif action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
