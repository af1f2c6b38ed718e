"""Exceptions, named for what the caller does about them. Messages are lower case, with the value in them."""


class LogdError(Exception):
    """The root of every error that logd raises on purpose."""


class ConfigError(LogdError):
    """A setting is wrong: the process says so in one sentence and doesn't start."""


class Unavailable(LogdError):
    """A dependency can't take the call now; the same call may succeed later. `retry_after_seconds` is a hint, `status`
    what HTTP says."""

    def __init__(self, message: str, retry_after_seconds: float = 1.0, status: int = 429) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.status = status


class BadRequest(LogdError):
    """The caller's input is wrong and must change. `code` is stable, `where` names the place (a header, a column)."""

    def __init__(self, code: str, message: str, where: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.where = where
        self.status = status


class QueryError(BadRequest):
    """A search query can't be parsed. `column` is 1-based; `expected` says what would have been understood there."""

    def __init__(self, message: str, column: int, expected: str) -> None:
        super().__init__("bad_query", f"{message} at column {column}, expected {expected}", f"q:{column}")
        self.column = column
        self.expected = expected


class RecordRejected(LogdError):
    """A record can't be stored at all; it belongs in the topic dead-letters with this reason."""


class NotFound(LogdError):
    """What was asked for isn't there."""


class Conflict(LogdError):
    """What is there already contradicts what was sent; sending it again won't help. `where` names the place, if that is
    known."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.where = where


class Corrupt(LogdError):
    """Stored bytes are not what was written; the message names the file or position."""
