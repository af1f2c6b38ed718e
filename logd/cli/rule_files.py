"""Rules of alerts in files, as commands are given them: TOML, or JSON as `logd alerts rules show` prints it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from logd.errors import ConfigError

if TYPE_CHECKING:
    from logd.alerts.rules import Rule

#: What an answer has beside the rule.
BESIDE = (
    "rule_id",
    "read_only",
    "file",
    "created",
    "created_by",
    "updated",
    "updated_by",
    "version",
)
#: The server knows which it allows.
_SECRETS = ("env:*", "file:*")


def read(path: Path) -> Sequence[Rule]:
    """Those of a file. Raises ConfigError."""
    from logd.alerts.file import read_rule_file
    from logd.alerts.reading import Terms, WrongRule, typed

    if path.suffix != ".json":
        return [one.rule for one in read_rule_file(path, str(path), Terms(secrets=_SECRETS)).rules]
    try:
        tree = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        # What `rules show` printed has more, and hides secrets, which the server knows.
        return [typed({name: value for name, value in tree.items() if name not in BESIDE})]
    except (WrongRule, AttributeError) as error:
        said = str(error) if isinstance(error, WrongRule) else "it is no JSON object"
        raise ConfigError(f"{path}: {said}") from None


def named(text: str) -> Rule | None:
    """The rule that FILE, or FILE:NAME, means, None where there is no such file. Raises ConfigError."""
    place = -1
    while place < len(text):
        place = text.find(":", place + 1)
        place = len(text) if place < 0 else place
        if (path := Path(text[:place])).is_file():
            return _only(path, text[place + 1 :])
    if text.endswith((".toml", ".json")):
        raise ConfigError(f"there is no file {text}")
    return None


def _only(path: Path, name: str) -> Rule:
    rules = read(path)
    found = [rule for rule in rules if name in (rule.name, "")]
    if len(found) != 1:
        known = ", ".join(repr(rule.name) for rule in rules) or "none"
        wanted = f"no rule {name!r}" if name else f"{len(rules)} rules"
        raise ConfigError(f"{path} has {wanted}; name one as FILE:NAME, of {known}")
    return found[0]


def files_in(path: Path) -> tuple[Path, Sequence[str]]:
    """A folder, and the paths of the rule files in it, of a file its own. Raises ConfigError."""
    from logd.alerts.folder import files_of

    try:
        return (path, sorted(files_of(path))) if path.is_dir() else (path.parent, [path.name])
    except OSError as error:
        raise ConfigError(f"can't read {error.filename or path}: {(error.strerror or str(error)).lower()}") from None
