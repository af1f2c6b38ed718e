"""The parsers that come with logd, `conf/parsers`: all of their tests, with all of them configured at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logd.chunk import TEXT, compress
from logd.cli import expectations
from logd.config.load import load, read_parsers
from logd.config.schema import Config
from logd.parse.chains import Chain, Plain, compile_chains
from logd.parse.parsing import Parses
from logd.roles.parsing import parser_of
from tests.support import loghub
from tests.support.chunks import OBSERVED_US, TAKEN_US, chunk_of
from tests.support.naive_parse import as_records

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "conf" / "parsers"
_FILES = sorted(_FOLDER.glob("*.toml"))
_PROGRAMS = (
    "apache docker elasticsearch go haproxy java kafka kubernetes mysql nginx postgresql python redis sshd systemd"
)


@pytest.fixture(scope="module")
def config() -> Config:
    """As the README says."""
    return load(None, {}, [f"parse.files={_FOLDER}/*.toml"])


@pytest.fixture(scope="module")
def parser(config: Config) -> Iterator[Parses]:
    """With all of them: none may take another's lines."""
    parser = parser_of(config)()
    yield parser
    parser.close()


def test_what_the_readme_shows_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_ROOT)
    shown = re.findall(r"```toml\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "logd.toml").write_text("\n".join(shown))
    names = [chain.name for chain in compile_chains(load(tmp_path / "logd.toml", {}).parser)]
    assert names[0] == "whole"
    assert "nginx" in names


def test_there_is_one_for_each_program() -> None:
    assert [path.stem for path in _FILES] == _PROGRAMS.split()


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_its_tests_pass(parser: Parses, path: Path) -> None:
    found = read_parsers(path)
    for test in found.test:
        expectations.check(test)
        assert expectations.differences(parser, test) == [], test.name


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_each_of_its_steps_has_a_line(parser: Parses, path: Path) -> None:
    """What no line of the tests reaches, nobody has seen working."""
    found = read_parsers(path)
    shares = [share for test in found.test for share in expectations.parsed_of(parser, test).shares]
    took = {(share.parser, share.step) for share in shares if len(share.rows)}
    chains = compile_chains(found.parser)
    assert [step for step in _taking(chains) if step not in took] == []


def _taking(chains: Sequence[Chain]) -> Iterator[tuple[str, str]]:
    for chain in chains:
        for name, step in zip(chain.step_names, chain.steps, strict=True):
            if not isinstance(step, Plain):
                yield chain.name, name


@pytest.mark.parametrize(
    ("system", "service"), [("OpenSSH", "sshd"), ("Apache", "apache"), ("Hadoop", "java"), ("Linux", "syslog")]
)
def test_real_logs_are_as_their_tables_say(parser: Parses, test_data: Path, system: str, service: str) -> None:
    body = loghub.path_of(test_data, system).read_bytes()
    chunk = chunk_of(content_type=TEXT, value=compress(body), lines=loghub.LINES, service=service)
    parsed = parser.parse([chunk], [TAKEN_US])
    assert {share.step for share in parsed.shares if share.parser == ""} == set()
    latest = datetime.fromtimestamp(OBSERVED_US / 1_000_000, UTC) + timedelta(hours=1)
    for record, row in zip(as_records(parsed.table), loghub.rows(test_data, system), strict=True):
        # Apache's client is a field of its own here.
        assert record["message"].rstrip() == re.sub(r"^\[client [^\]]*\] ", "", row["Content"]).rstrip()
        assert record["timestamp"] == loghub.TIMES[system](row, latest)
        assert loghub.level_of(system, row) in (None, record["level"])
