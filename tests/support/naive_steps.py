"""The steps of a parser on one line, the slow and obvious way: characters one by one, RE2 where a pattern is given."""

from __future__ import annotations

import json
import re

import re2


def groups(regex: str, text: str) -> dict[str, str] | None:
    """The named groups that aren't empty, where the expression is found in the text."""
    found = re2.search(regex, text)
    return {name: value for name, value in found.groupdict().items() if value} if found else None


def csv_row(text: str, columns: list[str], delimiter: str) -> dict[str, str] | None:
    """A row of RFC 4180 with just so many columns; white space may follow it."""
    values: list[str] = []
    at = 0
    while True:
        value = ""
        if text[at : at + 1] == '"':
            at += 1
            while True:
                if at >= len(text):
                    return None
                if text[at] != '"':
                    value += text[at]
                    at += 1
                elif text[at : at + 2] == '""':
                    value += '"'
                    at += 2
                else:
                    at += 1
                    break
        else:
            while at < len(text) and text[at] not in (delimiter, '"', "\n"):
                value += text[at]
                at += 1
        values.append(value)
        if len(values) == len(columns):
            break
        if text[at : at + 1] != delimiter:
            return None
        at += 1
    if text[at:].strip("\t\n\f\r "):
        return None
    return {name: value for name, value in zip(columns, values, strict=True) if value}


_KEY_START = re.compile(r"[A-Za-z_@]")
_KEY_REST = re.compile(r"[A-Za-z0-9_.@/-]")
_TYPED = re.compile(r"true|false|-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?")


def logfmt(text: str) -> dict[str, object] | None:
    """The pairs of a text that is nothing else; of a key that is there twice the last."""
    pairs: dict[str, object] = {}
    at = 0
    while True:
        start = at
        if not _KEY_START.match(text[at : at + 1]):
            return None
        while at < len(text) and _KEY_REST.match(text[at]):
            at += 1
        key = text[start:at]
        if text[at : at + 1] != "=":
            return None
        at += 1
        if text[at : at + 1] == '"':
            end = at + 1
            while end < len(text) and text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            if end >= len(text) or "\n" in [text[k + 1] for k in range(at + 1, end) if text[k] == "\\"]:
                return None
            pairs[key] = _string(text[at : end + 1])
            at = end + 1
        else:
            start = at
            while at < len(text) and text[at] not in '" \t\n\f\r\v':
                at += 1
            value = text[start:at]
            pairs[key] = json.loads(value) if _TYPED.fullmatch(value) else value
        start = at
        while at < len(text) and text[at] in " \t":
            at += 1
        if at == len(text):
            return pairs
        if at == start:
            return None


def _string(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted[1:-1]
