"""What a server has stored where, and what it costs: for `logd retention usage` and `logd store stats`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from logd.cli import lines

if TYPE_CHECKING:
    from logd.cli.ask import Server

_PATH = "/api/v1/retention/usage"
_RIGHT = "parts,lines,raw,stored,ratio,cost"


def add_to(action: argparse.ArgumentParser) -> None:
    """Adds --services."""
    action.add_argument("--services", action="store_true", help="by service too, which may take long")


def show(server: Server, services: bool, as_json_lines: bool) -> int:
    """Tables on a terminal, else a JSON line for each policy, day and tier, and for each service; the exit code, 1 when
    something can't be told."""
    from logd.cli.hits import as_json, printable
    from logd.cli.tables import table

    found = server.json("GET", _PATH, [("services", "true")] if services else [])
    if as_json_lines or not sys.stdout.isatty():
        lines.write(map(as_json, (*found["stored"], *found.get("services", ()))))
    elif not found["stored"]:
        print("nothing is stored yet")
    else:
        rows = [["day", "policy", "tier", "parts", "lines", "raw", "stored", "ratio", "cost"]]
        rows += [
            [one["day"], one["policy"], one["tier"], f"{one['parts']:,}", *_figures(one)] for one in found["stored"]
        ]
        rows.append(["all", "", "", "", *_figures(found)])
        print(table(rows, right=_RIGHT))
        if "services" in found:
            named = [[_named(one["service"]), *_figures(one)] for one in found["services"]]
            print()
            print(table([["service", "lines", "raw", "stored", "ratio", "cost"], *named], right=_RIGHT))
    for text in found["missing"]:
        print(f"logd: not all can be told: {printable(text)}", file=sys.stderr)
    return 1 if found["missing"] else 0


def _figures(one: Mapping[str, Any]) -> list[str]:
    from logd.cli.tables import size

    raw = one["raw_bytes"]
    ratio = "-" if raw is None or not one["bytes"] else f"{raw / one['bytes']:.1f}"
    sizes = ["-" if raw is None else size(raw), size(one["bytes"])]
    return [f"{one['rows']:,}", *sizes, ratio, f"{one['cost']:,.2f}" if one["cost"] else "-"]


def _named(service: str | None) -> str:
    from logd.cli.hits import printable

    return "(not known)" if service is None else printable(service) or "(none)"
