"""The token that a remote server wants to see: from a file, which may be replaced, or from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from logd.errors import ConfigError, Unavailable

VARIABLE = "LOGD_TOKEN"
#: What can stand in a header; a token of logd is shorter.
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class TokenSource:
    """Gives the token that is there now; it is never part of a message."""

    def __init__(self, token_file: str, environ: Mapping[str, str]) -> None:
        """`token_file` is `agent.token_file`. Raises ConfigError when what should be a token is none."""
        self._file = Path(token_file) if token_file else None
        self._given = environ.get(VARIABLE, "").strip()
        if self._file is None and self._given and not _TOKEN.fullmatch(self._given):
            raise ConfigError(f"${VARIABLE} is no token: it has spaces or other characters that no token has")
        try:
            self.there = bool(self.read())
        except Unavailable as error:
            raise ConfigError(str(error)) from error

    def read(self) -> str:
        """The token, empty where there is none. Reads the file. Raises Unavailable when that has no token."""
        if self._file is None:
            return self._given
        try:
            token = self._file.read_text().strip()
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or "it is no text").lower()
            raise Unavailable(f"agent.token_file {str(self._file)!r} can't be read: {reason}") from error
        if not _TOKEN.fullmatch(token):
            raise Unavailable(f"agent.token_file {str(self._file)!r} holds no token, which is one word")
        return token
