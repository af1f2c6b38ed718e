"""The README's examples, in their order, as they stand, against a real process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.process import Server, until

_README = Path(__file__).parents[2] / "README.md"
_EXAMPLE = re.compile(r"```sh\n((?:(?!```).)*)```\n<!-- prints: (.*?) -->", re.DOTALL)


def test_the_examples_print_what_the_readme_says(tmp_path: Path) -> None:
    examples = _EXAMPLE.findall(_README.read_text())
    assert len(examples) >= 8
    with Server(tmp_path) as server:
        for command, printed in examples:

            def prints(command: str = command, printed: str = printed) -> bool:
                return printed in _run(command, f"http://127.0.0.1:{server.port}")

            until(prints, f"{printed!r} from {command}")


def _run(command: str, url: str) -> str:
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=_README.parent,
        env={**os.environ, "LOGD": url, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return result.stdout
