"""Where settings come from: the TOML file, the environment, the command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from logd.config.keys import KeyPath, dotted
from logd.errors import ConfigError

_PREFIX = "LOGD_"
#: Those of commands that ask a server, the agent's token, passwords, and the test suite's, which its servers inherit.
_NOT_KEYS = re.compile(r"LOGD_(URL|CONFIG|TOKEN(_FILE)?|[A-Z]+_PASSWORD|REDACT_KEY|TEST_.*)")
#: Kubernetes puts these into every container of a namespace that has a service called logd or logd-something.
_KUBERNETES = re.compile(r"LOGD_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_(TCP|UDP|SCTP).*)")
_POSITION = re.compile(r"(?s)(?P<message>.*) \(at (line (?P<line>\d+), column (?P<column>\d+)|end of document)\)")


class Override(msgspec.Struct, frozen=True):
    """`key` is to have the value in `text`; `where` says who wants it, as in "is 3 in LOGD_X"."""

    key: KeyPath
    text: str
    where: str


def read_file(path: Path) -> dict[str, Any]:
    """The TOML file as a dict. Raises ConfigError when it can't be read, with line and column when it isn't TOML."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        # Editors on Windows begin a file with a mark that TOML doesn't know.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = content[: error.start].decode("utf-8-sig")
        raise ConfigError(f"{_at(path, good)}: byte 0x{content[error.start]:02x} is not UTF-8") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: arrays or tables are nested too deeply") from None
    except ValueError as error:
        # Not every one is a TOMLDecodeError: a number of 5,000 digits raises a bare ValueError without a position.
        found = _POSITION.fullmatch(str(error))
        if found is None:
            raise ConfigError(f"{path}: {_lowered(str(error))}") from None
        place = f"{path} line {found['line']}, column {found['column']}" if found["line"] else _at(path, text)
        raise ConfigError(f"{place}: {_lowered(found['message'])}") from None


def from_environment(environ: Mapping[str, str]) -> Iterator[Override]:
    """The variables that set keys: `LOGD_API__LISTEN` sets `api.listen`, in upper or lower case. Variables of deeper
    keys come later. Raises ConfigError when two set the same key."""
    seen: dict[KeyPath, str] = {}
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        shouted = name.upper()
        if not shouted.startswith(_PREFIX) or _NOT_KEYS.fullmatch(shouted) or _KUBERNETES.fullmatch(shouted):
            continue
        key: KeyPath = tuple(name[len(_PREFIX) :].lower().split("__"))
        if key in seen:
            raise ConfigError(f"{seen[key]} and {name} both set {dotted(key)}, expected one of them")
        seen[key] = name
        yield Override(key, environ[name], f"in {name}")


def from_command_line(text: str) -> Override:
    """The override in `key=value`. Raises ConfigError when it isn't that."""
    key, equals, value = text.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise ConfigError(f"--set got {text!r}, expected key=value such as api.listen=127.0.0.1:8080")
    return Override(tuple(names), value, "on the command line")


def _at(path: Path, before: str) -> str:
    line = before.count("\n") + 1
    return f"{path} line {line}, column {len(before) - before.rfind(chr(10))}"


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]
