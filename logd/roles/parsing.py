"""The parser of this process's configuration, with its rules of shaping: for every role the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from logd.chunk import Chunk
from logd.config.schema import Config
from logd.enrich.meter import Meter
from logd.enrich.rules import Rule, compile_rules
from logd.enrich.shaping import Shaping
from logd.parse.chains import compile_chains
from logd.parse.columns import Parsed
from logd.parse.parsing import Parses
from logd.parse.plan import Parser
from logd.parse.window import Limits
from logd.tiers.policy import Retention


class ShapedParser:
    """Records as they are stored: parsed, then shaped. Not thread-safe."""

    def __init__(self, parser: Parser, rules: Sequence[Rule]) -> None:
        self._parser = parser
        self._shaping = Shaping(rules)

    def parse(self, chunks: Sequence[Chunk], taken_us: Sequence[int]) -> Parsed:
        """As Parser.parse; a row for each line also of what rules leave out."""
        parsed = self._parser.parse(chunks, taken_us)
        if not len(parsed.table):
            return parsed
        shaped = self._shaping.shape(parsed.table)
        done = {"kept": shaped.kept, "shaped": shaped.counts, "left_out": shaped.left_out}
        return msgspec.structs.replace(parsed, table=shaped.table, **done)

    def usable(self) -> bool:
        """As Parser.usable; shaping mends itself."""
        return self._parser.usable()

    def close(self) -> None:
        """Gives all memory back."""
        self._shaping.close()
        self._parser.close()


def parser_of(config: Config, rules: Sequence[Rule] | None = None) -> Callable[[], Parses]:
    """What makes parsers, which shape too; `rules` are those of the configuration, if they are there already. Raises
    ConfigError, naming the parser and the step, or the rule, for one that can't be had."""
    limits = Limits(max_age_seconds(config), config.ingest.max_ahead_seconds)
    chains = compile_chains(config.parser)
    compiled = rules_of(config) if rules is None else rules

    def make() -> Parses:
        parser = Parser(config.parse.timezone, limits, config.parse.memory_bytes, chains)
        return ShapedParser(parser, compiled) if compiled else parser

    return make


def check(config: Config) -> None:
    """Raises ConfigError as the roles would at their start."""
    parser_of(config)
    Meter(config.metric, config.search.default_operator)


def rules_of(config: Config) -> Sequence[Rule]:
    """The rules of shaping. Raises ConfigError, naming the rule."""
    return compile_rules(config.shape, config.search.default_operator)


def keeps_services(rules: Sequence[Rule]) -> bool:
    """Whether a record's service is what its chunk, or its line, says: no rule gives it another."""
    return not any("service" in rule.writes for rule in rules)


def max_age_seconds(config: Config) -> int:
    """How old a line may be: what each policy of the configuration would delete at once isn't taken for what it says. 0
    is any age."""
    retention = Retention(config.policies, (), config.archiver.retention_days)
    days = [retention.ages(name).cold_days for name in retention.names]
    ages = (config.ingest.max_age_seconds, max(days) * 86_400 if all(days) else 0)
    return min(filter(None, ages), default=0)
