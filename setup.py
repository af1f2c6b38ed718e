"""The step of the package build that pyproject.toml can't say: the front end is built before files are collected."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent / "scripts"))

import build_web


class BuildPy(build_py):
    """Editable installs build too: there the files are served from the checkout."""

    def run(self) -> None:
        try:
            build_web.build()
        except build_web.Broken as error:
            sys.exit(f"error: {error}")
        # What was listed before has the names of an earlier build, and so has what that build left.
        self.__dict__.pop("data_files", None)
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib, "logd", "web", "dist"), ignore_errors=True)
        super().run()


setup(cmdclass={"build_py": BuildPy})
