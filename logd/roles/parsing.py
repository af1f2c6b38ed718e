"""The parser of this process's configuration: for every role the same."""

from __future__ import annotations

from collections.abc import Callable

from logd.config.schema import Config
from logd.parse.chains import compile_chains
from logd.parse.plan import Parser
from logd.parse.window import Limits


def parser_of(config: Config) -> Callable[[], Parser]:
    """What makes parsers. Raises ConfigError, naming the parser and the step, for one that can't be had."""
    limits = Limits(max_age_seconds(config), config.ingest.max_ahead_seconds)
    chains = compile_chains(config.parser)
    return lambda: Parser(config.parse.timezone, limits, config.parse.memory_bytes, chains)


def max_age_seconds(config: Config) -> int:
    """How old a line may be: what retention would delete at once isn't taken for what it says. 0 is any age."""
    ages = (config.ingest.max_age_seconds, config.archiver.retention_days * 86_400)
    return min(filter(None, ages), default=0)
