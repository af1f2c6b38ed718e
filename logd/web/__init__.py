"""The front end: its sources, in TypeScript, and in `dist` what the package build makes of them (scripts/build_web.py)."""

from __future__ import annotations

from pathlib import Path

_DIST = Path(__file__).parent / "dist"


def built_files() -> Path | None:
    """The folder of the built files, with index.html in it. None in a checkout where nothing was built."""
    return _DIST if (_DIST / "index.html").is_file() else None
