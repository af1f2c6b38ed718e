"""Runs one fuzzer: `python -m tests.fuzz TARGET SECONDS [CORPUS_FOLDER]`. Ends with 0 when it found nothing.

The code under test is instrumented, so that libFuzzer sees which branches an input takes and looks for more. An input
that breaks it is written to the working folder as `crash-…`, and is run again by naming the file as a fourth argument.
"""

from __future__ import annotations

import importlib
import sys

import atheris

TARGETS = ("query", "body", "chunk", "lines", "steps", "grok", "shape", "config")
#: Longer inputs find little more, and take longer.
_MOST_BYTES = 4_096
#: An input that takes so many seconds is a finding.
_SLOW_SECONDS = 20


def main() -> None:
    """Doesn't return: libFuzzer ends the process."""
    name, seconds, *rest = sys.argv[1:]
    assert name in TARGETS, f"{name} is none of {TARGETS}"
    with atheris.instrument_imports(include=["logd"]):
        module = importlib.import_module(f"tests.fuzz.target_{name}")
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_MOST_BYTES}",
        f"-timeout={_SLOW_SECONDS}",
        "-rss_limit_mb=2048",
        # Long inputs from the beginning: some targets run so rarely that they would never come to them.
        "-len_control=0",
    ]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", *rest], module.test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
