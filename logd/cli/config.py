"""`logd config check`: says whether a server would start with this configuration; `logd config test`: whether its
parsers make of lines what its tests say."""

from __future__ import annotations

import argparse
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logd.cli import settings

if TYPE_CHECKING:
    from logd.config.schema import Config


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("config", help="check and test a configuration", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    settings.add_action(
        actions,
        "check",
        "say what is wrong with a configuration",
        "Reads file, environment and --set as a server would, compiles its parsers and rules, and says what is wrong.",
        run,
        "config check --config logd.toml --set parse.timezone=Europe/Berlin",
    )
    test = settings.add_action(
        actions,
        "test",
        "run the tests of its parsers",
        "Runs every [[test]] of the configuration and of its parse.files, and says what came otherwise than expected."
        " Ends with 1 when a test fails.",
        run_tests,
        "config test --config logd.toml conf/parsers/*.toml",
    )
    test.add_argument("files", metavar="FILE.toml", nargs="*", help="more parsers and tests than are configured")


def run(args: argparse.Namespace) -> int:
    """Prints one line when all is well; else ConfigError says what isn't."""
    config = settings.load(args)
    if config.parser or config.shape or config.metric:
        from logd.roles.parsing import check

        check(config)
    if config.test:
        from logd.cli import expectations

        for test in config.test:
            expectations.check(test)
    parsers = f", parsers {', '.join(table.name for table in config.parser)}" if config.parser else ""
    print(f"ok: roles {', '.join(config.server.roles)}, data in {config.data_dir}, api on {config.api.listen}{parsers}")
    return 0


def run_tests(args: argparse.Namespace) -> int:
    """Prints a line a test, what was expected of those that fail, and how many did; the exit code."""
    from logd.cli import expectations
    from logd.cli.hits import printable
    from logd.roles.parsing import parser_of

    files, args.files = args.files, []
    config = with_files(settings.load(args), files)
    for test in config.test:
        expectations.check(test)
    parser = parser_of(config)()
    failed = 0
    try:
        for test in config.test:
            wrong = expectations.differences(parser, test)
            failed += bool(wrong)
            print(f"{'FAILED' if wrong else 'ok':6}  {printable(test.service)}: {expectations.title(test)}")
            for line in wrong:
                print(line)
    finally:
        parser.close()
    print(f"{len(config.test)} tests of {len(config.parser)} parsers: {failed or 'none'} failed")
    return 1 if failed else 0


def with_files(config: Config, files: Sequence[str]) -> Config:
    """With the parsers and tests of more files, after its own; one that parse.files has is there already."""
    import msgspec

    from logd.config.load import read_parsers

    had = {os.path.realpath(path) for pattern in config.parse.files for path in glob.glob(pattern, recursive=True)}
    parsers, tests = list(config.parser), list(config.test)
    for path in files:
        if os.path.realpath(path) not in had:
            had.add(os.path.realpath(path))
            found = read_parsers(Path(path))
            parsers += found.parser
            tests += found.test
    return msgspec.structs.replace(config, parser=parsers, test=tests)
