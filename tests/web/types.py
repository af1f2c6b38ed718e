"""Writes what the front end knows of the API's types: `python -m tests.web.types`, before they are checked.

They are made from the OpenAPI document of this checkout, so that a page that asks for what the API doesn't have fails
the check.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.openapi import document

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "scripts" / "build_web.py"


def main() -> int:
    """The exit code of `npm run types`."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(document(), file)
        file.flush()
        environment = {**os.environ, "OPENAPI": file.name}
        return subprocess.run([sys.executable, BUILD, "--run", "types"], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
