"""What redaction must answer, a record at a time, in the standard library: slow, plain, and written apart from it.

Shares with the product the detectors' expressions and checks, which have tests of their own.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from logd.enrich.detectors import BUILT_IN, Detector, own_detector
from logd.enrich.redact import Action, RedactRule
from logd.record import SCHEMA

Row = dict[str, Any]
_MARK = re.compile(r"\[(?:REDACTED:[a-z0-9_]+|[a-z0-9_]+:[0-9a-f]{16})\]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Number(str):
    """A JSON number as it is written."""


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Records, of which the rows say some columns."""
    usual = {"log_id": "0" * 16 + "-" + "0" * 12, "timestamp": 0, "ingested_at": 0, "service": "s"}
    columns = [pa.array([{**usual, **row}.get(field.name) for row in rows], field.type) for field in SCHEMA]
    return pa.table(columns, schema=SCHEMA)


def read(metadata: str) -> Any:
    """A JSON text, with its numbers as they are written."""
    return json.loads(metadata, parse_int=Number, parse_float=Number)


def naive_redact(rows: Sequence[Row], rules: Sequence[RedactRule], key: bytes) -> tuple[list[Row], dict[str, int]]:
    """The rows, with their metadata as `read` gives it, and the counts."""
    counts: Counter[str] = Counter()
    rows = [{**row, "metadata": read(row["metadata"]) if row.get("metadata") else None} for row in rows]
    for rule in rules:
        own = [own_detector(name, pattern) for name, pattern in rule.patterns.items()]
        detectors = [*(BUILT_IN[name] for name in rule.detectors), *own]
        for row in rows:
            if any(fnmatch.fnmatchcase(row.get("service", "s"), glob) for glob in rule.services):
                _redact(row, rule, detectors, key, counts)
    return rows, dict(counts)


def _redact(row: Row, rule: RedactRule, detectors: list[Detector], key: bytes, counts: Counter[str]) -> None:
    def hide(text: str, name: str | None) -> str:
        return _hidden(text, name, rule, detectors, key, counts)

    def walk(value: Any, name: str | None) -> Any:
        if isinstance(value, dict):
            return {inner: walk(below, inner) for inner, below in value.items()}
        if isinstance(value, list):
            return [walk(below, name) for below in value]
        if not isinstance(value, str):
            return value
        hidden = hide(value, name)
        return hidden if hidden != value else value

    if "message" in rule.fields and row.get("message") is not None:
        row["message"] = hide(row["message"], None)
    if row["metadata"] is not None:
        row["metadata"] = {
            name: walk(value, name) if "metadata" in rule.fields or f"metadata.{name}" in rule.fields else value
            for name, value in row["metadata"].items()
        }


def _hidden(
    text: str, name: str | None, rule: RedactRule, detectors: list[Detector], key: bytes, counts: Counter[str]
) -> str:
    for _ in range(8):
        found = sorted(_found(text, name, detectors), key=lambda place: (place[0], -place[1]))
        if not found:
            break
        content = (text if not found else _SURROGATE.sub("\ufffd", text)).encode()
        groups: list[list[tuple[int, int, int, bytes]]] = []
        for place in found:
            if groups and place[0] < max(other[1] for other in groups[-1]):
                groups[-1].append(place)
            else:
                groups.append([place])
        pieces, at = [], 0
        for group in groups:
            start, end = group[0][0], max(place[1] for place in group)
            best = min(group, key=lambda place: (place[0] - place[1], place[2], place[0]))
            value = best[3] if end - start == best[1] - best[0] else content[start:end]
            detector = detectors[best[2]].name
            counts[detector] += 1
            pieces += [content[at:start], _stands_for(detector, value, rule.action, key)]
            at = end
        text = b"".join([*pieces, content[at:]]).decode()
    return text


def _found(text: str, name: str | None, detectors: list[Detector]) -> list[tuple[int, int, int, bytes]]:
    """Start and end in bytes, the detector's place in the list, the value."""
    text = _SURROGATE.sub("\ufffd", text)
    marks = [match.span() for match in _MARK.finditer(text)]
    found = set()
    for index, detector in enumerate(detectors):
        tokens = [match.span() for match in _compiled(detector.token).finditer(text)]
        if detector.own:
            tokens = [(s, e) for s, e in tokens if not any(left <= s and e <= right for left, right in marks)]
        places = [(start, end, False) for start, end in tokens]
        if name and text and detector.named and _compiled(rf"(?:{detector.named})\z").search(name):
            places.append((0, len(text), True))
        for start, end, told in places:
            before = len(text[:start].encode())
            for first, last, value in detector.check(text[start:end].encode(), told):
                found.add((before + first, before + last, index, value))
    return list(found)


def _compiled(pattern: str) -> re.Pattern[str]:
    """RE2's expression for Python: \\x{…} and \\z are written otherwise there."""
    pattern = re.sub(r"\\x\{([0-9a-f]+)\}", lambda code: f"\\U{int(code[1], 16):08x}", pattern)
    # RE2's `$`, and `\z`, are the very end; Python's `$` is also before a last newline.
    return re.compile(re.sub(r"\$$|\\z", r"\\Z", pattern), re.ASCII)


def _stands_for(name: str, value: bytes, action: Action, key: bytes) -> bytes:
    if action is Action.MASK:
        return f"[REDACTED:{name}]".encode()
    digest = ""
    while not re.search("[a-f]", digest):
        digest = hashlib.blake2b(digest.encode() + value, key=key, digest_size=8).hexdigest()
    return f"[{name}:{digest}]".encode()
