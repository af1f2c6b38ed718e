"""axe-core over a page: what people who don't see it, or don't use a mouse, can't do with it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from playwright.sync_api import Page

from tests.web.types import BUILD, ROOT

_AXE = ROOT / "logd" / "web" / "node_modules" / "axe-core" / "axe.min.js"
_GRAVE = ("serious", "critical")
_RUN = """
axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.parse(JSON.stringify(found.violations.map((one) =>
  ({id: one.id, impact: one.impact, help: one.help, nodes: one.nodes.map((node) => node.html)})))))
"""


def axe(page: Page) -> None:
    """AssertionError when something serious or critical is found in the page as it is now."""
    if not _AXE.is_file():
        subprocess.run([sys.executable, BUILD, "--install"], check=True)
    # By the debugger's own door: the page's policy forbids what comes in by any other.
    door = page.context.new_cdp_session(page)
    try:
        _evaluate(door, f"{_AXE.read_text(encoding='utf-8')}\n;undefined")
        found = _evaluate(door, _RUN)
    finally:
        door.detach()
    grave = [one for one in found if one["impact"] in _GRAVE]
    said = "\n".join(f"{one['impact']}: {one['help']} ({one['id']}): {one['nodes']}" for one in grave)
    assert not grave, said


def _evaluate(door: Any, expression: str) -> Any:
    answer = door.send(
        "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True, "timeout": 60_000}
    )
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")
