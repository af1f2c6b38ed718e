"""From a TOML file, the environment and the command line to a Config, or to one sentence about what is wrong.

Later wins: the schema's defaults, the file, `LOGD_…` variables, `--set`. An override replaces the whole value at its
key; of two variables the one for the deeper key is applied last.
"""

from __future__ import annotations

import copy
import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from logd.config.globs import wrong
from logd.config.keys import KeyPath, type_at, value_at
from logd.config.parsers import ParserFile
from logd.config.refusal import mistyped, refused, unknown
from logd.config.rules import problems
from logd.config.schema import Config, Files
from logd.config.sources import from_command_line, from_environment, read_file
from logd.config.values import from_text
from logd.errors import ConfigError


def load(path: Path | None, environ: Mapping[str, str], sets: Sequence[str] = (), follow: Sequence[str] = ()) -> Config:
    """The configuration in the TOML file `path`, overridden by `environ` and by `sets` (`key=value`), with the files
    `follow` (paths, not globs) followed from their beginning beside those configured. Raises ConfigError with the
    key, the value, who set it and what was expected."""
    written = read_file(path) if path is not None else {}
    overrides = [*from_environment(environ), *map(from_command_line, sets)]

    def where(key: KeyPath) -> str:
        for override in reversed(overrides):
            if key[: len(override.key)] == override.key:
                return override.where
        return f"in {path}" if value_at(written, key) is not msgspec.UNSET else "by default"

    tree = copy.deepcopy(written)
    for override in overrides:
        kind = type_at(override.key)
        if kind is None:
            raise unknown(override.key, override.text, where)
        _put(tree, override.key, from_text(override.text, kind))
    try:
        config = _with_parsers(_following(msgspec.convert(tree, Config), follow))
    except msgspec.ValidationError as error:
        raise mistyped(error, tree, where) from None
    for problem in problems(config):
        value = "…" if problem.secret else value_at(config, problem.path)
        raise refused(problem.path, value, where, problem.expected, problem.reason)
    if follow and "agent" not in config.server.roles:
        roles: KeyPath = ("server", "roles")
        raise refused(roles, config.server.roles, where, "agent among them, as it is to follow files")
    return config


def _following(config: Config, follow: Sequence[str]) -> Config:
    if not follow:
        return config
    files = [*config.agent.files, Files(paths=[glob.escape(path) for path in follow])]
    return msgspec.structs.replace(config, agent=msgspec.structs.replace(config.agent, files=files))


def _with_parsers(config: Config) -> Config:
    """With those of `parse.files`, which come after the configuration's own, in the order of their names."""
    parsers, tests = list(config.parser), list(config.test)
    for pattern in config.parse.files:
        if expected := wrong(pattern):
            raise ConfigError(f"parse.files has {pattern!r}, expected {expected}")
        paths = sorted(glob.glob(pattern, recursive=True))
        if not paths and not glob.has_magic(pattern):
            raise ConfigError(f"parse.files has {pattern!r}, expected a file that is there, or a glob")
        for path in paths:
            found = read_parsers(Path(path))
            parsers += found.parser
            tests += found.test
    return msgspec.structs.replace(config, parser=parsers, test=tests)


def read_parsers(path: Path) -> ParserFile:
    """A file of parsers and their tests. Raises ConfigError with the key and what was expected."""
    tree = read_file(path)
    try:
        return msgspec.convert(tree, ParserFile)
    except msgspec.ValidationError as error:
        raise mistyped(error, tree, lambda _: f"in {path}") from None


def _put(tree: dict[str, Any], key: KeyPath, value: object) -> None:
    for part in key[:-1]:
        inner = tree.setdefault(str(part), {})
        if not isinstance(inner, dict):
            return  # `api = 3` in the file: the check of types refuses that, not this
        tree = inner
    tree[str(key[-1])] = value
