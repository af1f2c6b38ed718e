"""An export: page after page of a search into a file, which can be gone on with after each of them.

    FILE.part        what was written; becomes FILE once it is whole
    FILE.part.json   where it ends, and what comes next: written after each page (Done)

Memory holds one page. A page asks for so many rows that it has some megabytes.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

import msgspec

from logd.cli.ask import PAGE_ROWS, REFUSED, UNREACHABLE, Failed, Server
from logd.cli.progress import Bar
from logd.errors import ConfigError, LogdError
from logd.http.formats import Encoder, Parquet, encoder

_FIRST_ROWS = 1_000
_PAGE_BYTES = 8 * 1024 * 1024
#: What a server that has nothing at all now answers with: it may be whole again.
_PARTIAL = 503
#: Before the tries for a page: a server that is started again needs some seconds, one that is full some more.
_DELAYS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is exported: the search's parameters as they were given, and with times that don't move."""

    said: list[tuple[str, str]]
    parameters: list[tuple[str, str]]
    format: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How far FILE.part goes, and the cursor of the page behind it."""

    asked: Asked
    cursor: str
    bytes: int
    rows: int


class _Page(msgspec.Struct, frozen=True):
    """Of a search's answer. Records stay the bytes that they are."""

    logs: list[msgspec.Raw]
    next_cursor: str | msgspec.UnsetType | None = msgspec.UNSET
    partial: bool = False
    warnings: list[str] = []


_decode = msgspec.json.Decoder(_Page).decode


class Pages:
    """The pages of one search. Raises Failed."""

    def __init__(self, server: Server, asked: Asked, bar: Bar, cursor: str | None = None) -> None:
        """From the first page, or from that of a cursor."""
        self.cursor = cursor
        self._server = server
        self.asked = asked
        self._bar = bar
        self._rows = _FIRST_ROWS
        self._reached = cursor is not None

    def next(self) -> list[msgspec.Raw]:
        """The next page, after which `cursor` is None if it was the last."""
        cursor = [("cursor", self.cursor)] if self.cursor else []
        rows = self._rows
        page, size = self._ask([*self.asked.parameters, ("limit", str(rows)), ("track_total_hits", "false"), *cursor])
        if page.next_cursor is msgspec.UNSET and len(page.logs) >= rows:
            raise Failed(f"{self._server.base} gives no more than {rows} rows: it needs a newer logd", REFUSED)
        self.cursor = page.next_cursor or None
        if page.logs:
            self._rows = max(1, min(PAGE_ROWS, 2 * rows, _PAGE_BYTES * len(page.logs) // size))
        return page.logs

    def _ask(self, parameters: list[tuple[str, str]]) -> tuple[_Page, int]:
        """A whole page, and its size in bytes: one from which rows may be missing is asked for again."""
        for attempt, delay in enumerate((*_DELAYS_SECONDS, None)):
            try:
                body = self._server.ask("GET", "/api/v1/logs/search", parameters)
                page = self._read(body)
            except Failed as failure:
                never = failure.exit_code == UNREACHABLE and not self._reached
                if delay is None or never or not failure.passing:
                    raise
                if attempt == 0:
                    self._bar.say(f"waiting, will try again: {failure}")
                time.sleep(max(delay, failure.retry_after_seconds))
            else:
                self._reached = True
                return page, len(body)
        raise AssertionError

    def _read(self, body: bytes) -> _Page:
        try:
            page = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Failed(f"{self._server.base} answered, but is no logd", REFUSED) from None
        if page.partial:
            raise Failed(f"lines may be missing from a page: {'; '.join(page.warnings)}", REFUSED, status=_PARTIAL)
        return page


def export(server: Server, asked: Asked, out: IO[bytes], bar: Bar) -> int:
    """Writes all of it; how many rows."""
    return _all(Pages(server, asked, bar), encoder(asked.format, ""), out, bar)


def export_file(server: Server, asked: Asked, name: str, resume: bool, bar: Bar) -> int:
    """The same into FILE.part, which then becomes FILE. Raises ConfigError when there is nothing to go on with, and
    LogdError when the file can't be written."""
    part = Path(f"{name}.part")
    try:
        if asked.format == "parquet":
            parquet = Parquet()
            with part.open("wb") as out:
                rows = _all(Pages(server, asked, bar), parquet, out, bar)
                out.write(parquet.end())
        else:
            rows = _by_page(server, asked, name, part, resume, bar)
        os.replace(part, name)
    except OSError as error:
        raise LogdError(f"can't write {error.filename or part}: {(error.strerror or str(error)).lower()}") from error
    return rows


def _by_page(server: Server, asked: Asked, name: str, part: Path, resume: bool, bar: Bar) -> int:
    about = Path(f"{part}.json")
    done = _resumed(about, part, asked) if resume else None
    pages = Pages(server, done.asked if done else asked, bar, done.cursor if done else None)
    encode = encoder(asked.format, name, begun=done is not None)
    rows = done.rows if done else 0
    with part.open("r+b" if done else "wb") as out:
        if done is None:
            about.unlink(missing_ok=True)
        else:
            out.truncate(done.bytes)
        out.seek(0, os.SEEK_END)
        while True:
            logs = pages.next()
            out.write(encode(logs))
            rows += len(logs)
            bar.at(0, len(logs))
            if pages.cursor is None:
                break
            out.flush()
            _remember(about, Done(asked=pages.asked, cursor=pages.cursor, bytes=out.tell(), rows=rows))
    about.unlink(missing_ok=True)
    return rows


def _resumed(about: Path, part: Path, asked: Asked) -> Done:
    try:
        done = msgspec.json.decode(about.read_bytes(), type=Done)
        size = part.stat().st_size
    except (OSError, msgspec.MsgspecError):
        raise ConfigError(f"there is nothing to go on with: {about} and {part} don't tell of an export") from None
    if (done.asked.said, done.asked.format) != (asked.said, asked.format):
        raise ConfigError(f"{part} was begun for another query or format: give the same, or leave --resume out")
    if size < done.bytes:
        raise ConfigError(f"{part} has {size} bytes, {about} tells of {done.bytes}: leave --resume out")
    return done


def _remember(about: Path, done: Done) -> None:
    part = about.with_suffix(".new")
    part.write_bytes(msgspec.json.encode(done))
    part.replace(about)


def _all(pages: Pages, encode: Encoder, out: IO[bytes], bar: Bar) -> int:
    rows = 0
    while True:
        logs = pages.next()
        out.write(encode(logs))
        out.flush()
        rows += len(logs)
        bar.at(0, len(logs))
        if pages.cursor is None:
            return rows
