"""The front end: sources in TypeScript, and in `dist` what the package build (scripts/build_web.py) makes of them."""

from __future__ import annotations

from pathlib import Path

_DIST = Path(__file__).parent / "dist"


def built_files() -> Path | None:
    """The folder of the built files, with index.html in it. None in a checkout where nothing was built."""
    return _DIST if (_DIST / "index.html").is_file() else None
