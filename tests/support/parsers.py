"""Parsers as people configure them, for tests."""

from __future__ import annotations

import tomllib

import msgspec

from logd.config.parsers import ParserFile
from logd.parse.chains import Chain, compile_chains


def chains(toml: str) -> tuple[Chain, ...]:
    """Those of a TOML document."""
    return compile_chains(msgspec.convert(tomllib.loads(toml), ParserFile).parser)


def one(steps: str) -> tuple[Chain, ...]:
    """A parser for all with `steps`, written as inline tables."""
    return chains(f"parser = [{{name = 'p', steps = [{steps}]}}]")
