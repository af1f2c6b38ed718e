"""Configuration: what is taken from where, and that what is wrong is said in one sentence."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from logd.config.keys import every_key, value_at
from logd.config.load import load
from logd.config.schema import Config, Files
from logd.errors import ConfigError

DEFAULT_FILE = Path(__file__).parents[2] / "logd.toml"
Env = Mapping[str, str]


def test_the_shipped_file_is_the_default() -> None:
    assert load(DEFAULT_FILE, {}) == Config() == load(None, {})


def test_the_shipped_file_shows_every_key() -> None:
    # Keys without a default are shown in comments: "# paths = …".
    shown = re.sub(r"^# (?=\[\[|\w+ = )", "", DEFAULT_FILE.read_text(), flags=re.MULTILINE)
    tree = tomllib.loads(shown)
    missing = [
        key
        for key in every_key()
        if value_at(tree, tuple(0 if part == "[]" else part for part in re.findall(r"\[\]|\w+", key))) is msgspec.UNSET
    ]
    assert missing == []
    assert msgspec.convert(tree, Config).agent.files[0].fields == {"datacenter": "fra1"}


@pytest.mark.parametrize(
    ("toml", "env", "sets", "key", "value"),
    [
        ("", {}, [], "api.listen", "127.0.0.1:8080"),
        ("[api]\nlisten='a:1'", {}, [], "api.listen", "a:1"),
        ("\ufeff[api]\r\nlisten='a:1'\r\n", {}, [], "api.listen", "a:1"),
        ("[api]\nlisten='a:1'", {"LOGD_API__LISTEN": "b:2"}, [], "api.listen", "b:2"),
        ("[api]\nlisten='a:1'", {"LOGD_API__LISTEN": "b:2"}, ["api.listen=c:3"], "api.listen", "c:3"),
        ("", {}, ["api.listen=c:3", "api.listen=d:4"], "api.listen", "d:4"),
        ("", {"logd_api__Listen": "b:2"}, [], "api.listen", "b:2"),
        ("", {"LOGD_DATA_DIR": "x y"}, [], "data_dir", "x y"),
        ("", {"LOGD_DATA_DIR": '"x"'}, [], "data_dir", "x"),
        ("", {"LOGD_DATA_DIR": "a=b"}, [], "data_dir", "a=b"),
        ("", {}, ["data_dir=a=b"], "data_dir", "a=b"),
        ("", {"LOGD_API": '{"listen": "b:2"}'}, [], "api.listen", "b:2"),
        ("", {"LOGD_API": '{listen = "b:2"}'}, [], "api.listen", "b:2"),
        ("", {"LOGD_API": '{listen = "b:2"}', "LOGD_API__LISTEN": "c:3"}, [], "api.listen", "c:3"),
        ("", {"LOGD_SERVER__ROLES": "agent,api"}, [], "server.roles", ["agent", "api"]),
        ("", {"LOGD_SERVER__ROLES": " agent , api, "}, [], "server.roles", ["agent", "api"]),
        ("", {"LOGD_SERVER__ROLES": '["api"]'}, [], "server.roles", ["api"]),
        ("", {"LOGD_SERVER__ROLES": "['api']"}, [], "server.roles", ["api"]),
        ("", {}, ['agent.files=[{"paths": ["/a,b"]}]'], "agent.files", [Files(paths=["/a,b"])]),
        ("", {}, ["agent.files=[{paths = ['/a'], tags = ['t']}]"], "agent.files", [Files(paths=["/a"], tags=["t"])]),
        ("", {"LOGD_PARSE__JOIN_LINES": "1_000"}, [], "parse.join_lines", 1000),
        ("", {"LOGD_PARSE__JOIN_SECONDS": "1"}, [], "parse.join_seconds", 1.0),
        ("[parse]\njoin_seconds = 1", {}, [], "parse.join_seconds", 1.0),
        ("", {"LOGD_TOKEN": "x", "LOGD_TOKEN_FILE": "y"}, [], "agent.token_file", ""),
        ("", {"LOGD_API__ANONYMOUS": "true"}, [], "api.anonymous", True),
        ("", {"LOGD_CATALOG_PASSWORD": "x", "LOGD_CACHE_PASSWORD": "y"}, [], "catalog.password_file", ""),
        ("", {"LOGD_REDACT_KEY": "x"}, [], "shape", []),
        ("", {"LOGD_CACHE__URL": "rediss://u@h"}, [], "cache.url", "rediss://u@h"),
        ("", {"LOGD_CACHE__URL": "redis://[::1]:1/3"}, [], "cache.url", "redis://[::1]:1/3"),
        ("", {}, ["api.cors_origins=https://a.b,http://[::1]"], "api.cors_origins", ["https://a.b", "http://[::1]"]),
        ("", {"LOGD_URL": "x", "LOGD_CONFIG": "y", "TEST_LONG": "1", "LOGDX": "z"}, [], "data_dir", "logd-data"),
        ("", {"LOGD_PORT": "tcp://10.0.0.1:80", "LOGD_SERVICE_HOST": "10.0.0.1"}, [], "data_dir", "logd-data"),
        ("", {"LOGD_API_PORT_80_TCP_ADDR": "10.0.0.1"}, [], "data_dir", "logd-data"),
    ],
)
def test_values(tmp_path: Path, toml: str, env: Env, sets: list[str], key: str, value: object) -> None:
    assert value_at(load(written(tmp_path, toml), env, sets), tuple(key.split("."))) == value


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("x = 1", "x is 1 in FILE, expected a key that exists: known here are data_dir, server, agent, api, ingest, "),
        ("[api]\nlisen = 1", "api.lisen is 1 in FILE, expected a key that exists: did you mean api.listen?"),
        ("[ap]\nlisten = 1", 'ap is {"listen": 1} in FILE, expected a key that exists: did you mean api?'),
        (
            "[[test]]\nparser = 1",
            "test[0].parser is 1 in FILE, expected a key that exists: did you mean parser? known here are name, ",
        ),
        ("timezone = 1", "timezone is 1 in FILE, expected a key that exists: did you mean parse.timezone?"),
        ('"a\\nb" = 1', '"a\\nb" is 1 in FILE, expected a key that exists: '),
        (
            "[[agent.files]]\npath = ['a']",
            'agent.files[0].path is ["a"] in FILE, expected a key that exists: did you mea',
        ),
        ("[[agent.files]]", "agent.files[0].paths is missing in FILE, expected a list of at least one text"),
        ("[[agent.files]]\npaths = []", "agent.files[0].paths is [] in FILE, expected a list of at least one text"),
        ("[[agent.files]]\npaths = 'a'", 'agent.files[0].paths is "a" in FILE, expected a list of at least one text'),
        ("[[agent.files]]\npaths = ['a', 3]", "agent.files[0].paths[1] is 3 in FILE, expected a text that isn't empty"),
        ("[[agent.files]]\npaths = ['']", 'agent.files[0].paths[0] is "" in FILE, expected a text that isn\'t empty'),
        ("[[agent.files]]\npaths = ['a\\u0000']", None),
        (
            '[[agent.files]]\npaths = ["a\\u0000"]',
            'agent.files[0].paths[0] is "a\\u0000" in FILE, expected a path or glob',
        ),
        (
            "[[agent.files]]\npaths = ['a']\nmultiline = 'perl'",
            'agent.files[0].multiline is "perl" in FILE, expected "" or "dotnet" or "go" or "java" or "python"',
        ),
        (
            "[[agent.files]]\npaths = ['a']\nmultiline_start = '(a'",
            'agent.files[0].multiline_start is "(a" in FILE, expected a regular expression of RE2\'s, but mis',
        ),
        (
            "[[agent.files]]\npaths = ['a']\nmultiline_continuation = '(?<=a)'",
            'agent.files[0].multiline_continuation is "(?<=a)" in FILE, expected a regular expression of RE2\'s, but',
        ),
        (
            "[[agent.files]]\npaths = ['a']\nmultiline = 'go'\nmultiline_start = 'a'",
            'agent.files[0].multiline_start is "a" in FILE, expected nothing, as there is multiline',
        ),
        (
            "[[agent.files]]\npaths = ['a']\npath_pattern = '/srv/.*'",
            'agent.files[0].path_pattern is "/srv/.*" in FILE, expected a named group such as (?P<service>[^/]+) in it',
        ),
        (
            "[[agent.files]]\npaths = ['a']\npath_pattern = '(?P<service>'",
            'agent.files[0].path_pattern is "(?P<service>" in FILE, expected a regular expression of RE2\'s, but',
        ),
        (
            "[[agent.files]]\npaths = ['a']\nformat = 'auto'\nencoding = 'utf-16'",
            'agent.files[0].encoding is "utf-16" in FILE, expected utf-8, as format is auto',
        ),
        (
            "[[agent.files]]\npaths = ['a']\nignore_older_seconds = -1",
            "agent.files[0].ignore_older_seconds is -1 in FILE, expected a number of at least 0",
        ),
        ("[agent]\nfiles = 3", "agent.files is 3 in FILE, expected a list of tables"),
        ("api = 3", "api is 3 in FILE, expected a table"),
        ("data_dir = ''", 'data_dir is "" in FILE, expected a text that isn\'t empty'),
        (
            "[agent]\npoll_seconds = 0",
            "agent.poll_seconds is 0 in FILE, expected a number above 0 and at most 31622400",
        ),
        ("[agent]\npoll_seconds = nan", "agent.poll_seconds is NaN in FILE, expected a number above 0 "),
        ("[agent]\npoll_seconds = inf", "agent.poll_seconds is Infinity in FILE, expected a number above 0 "),
        ("[agent]\npoll_seconds = true", "agent.poll_seconds is true in FILE, expected a number above 0 "),
        ("[parse]\njoin_lines = 0", "parse.join_lines is 0 in FILE, expected a whole number of at least 1"),
        ("[parse]\njoin_lines = 1.5", "parse.join_lines is 1.5 in FILE, expected a whole number of at least 1"),
        ("[parse]\ntimezone = 'Europe/Berln'", "expected an IANA name such as Europe/Berlin"),
        ("[parse]\ntimezone = 'Europe'", 'parse.timezone is "Europe" in FILE, expected an IANA name such as '),
        ("[parse]\ntimezone = '../UTC'", 'parse.timezone is "../UTC" in FILE, expected an IANA name such as '),
        ("[parse]\ntimezone = ''", 'parse.timezone is "" in FILE, expected an IANA name such as Europe/Berlin'),
        ("[log]\nlevel = 'warning'", 'log.level is "warning" in FILE, expected "debug" or "error" or "info" or "warn"'),
        ("[transport]\ntype = 'rabbit'", 'transport.type is "rabbit" in FILE, expected "kafka" or "sqlite"'),
        (
            "[transport]\ntype = 'kafka'",
            "transport.kafka.servers is [] by default, expected at least one host:port, as",
        ),
        ("[transport.kafka]\nservers = ['a']", 'transport.kafka.servers[0] is "a" in FILE, expected host:port such as'),
        (
            "[transport.kafka]\nservers = ['a:0']",
            'transport.kafka.servers[0] is "a:0" in FILE, expected host:port such',
        ),
        ("[transport.kafka]\nprefix = 'a b'", 'transport.kafka.prefix is "a b" in FILE, expected at most 100 letters'),
        ("[transport.kafka]\nacks = '0'", 'transport.kafka.acks is "0" in FILE, expected "1" or "all"'),
        (
            "[transport.kafka]\ntls_ca = 'ca.pem'",
            "transport.kafka.tls is false by default, expected true, as there are",
        ),
        (
            "[transport.kafka]\ntls = true\ntls_key = 'key.pem'",
            'transport.kafka.tls_certificate is "" by default, expected the path of a PEM file, as certificate and key',
        ),
        ("[transport.kafka]\nsasl_mechanism = 'PLAIN'", 'transport.kafka.user is "" by default, expected a name, as'),
        (
            "[transport.kafka]\nuser = 'u'",
            'transport.kafka.sasl_mechanism is "" by default, expected PLAIN, SCRAM-SHA-',
        ),
        ("[api]\nanonymous = 'yes'", 'api.anonymous is "yes" in FILE, expected true or false'),
        (
            "[api]\ntls_certificate = 'a.pem'",
            'api.tls_key is "" by default, expected the path of a PEM file, as certificate and key go together',
        ),
        ("[api]\ntls_key = 'a.pem'", 'api.tls_certificate is "" by default, expected the path of a PEM file, as '),
        ("[api]\ncors_origins = ['*']", 'api.cors_origins[0] is "*" in FILE, expected an origin such as https://graf'),
        ("[api]\ncors_origins = ['https://a.example/']", "expected an origin such as https://grafana.example.org"),
        ("[api]\ncors_origins = ['https://a.example:443']", "expected an origin such as https://grafana.example.org"),
        ("[catalog]\ntype = 'postgres'", 'catalog.type is "postgres" in FILE, expected '),
        (
            "[catalog]\naddress = 'db'",
            'catalog.address is "db" in FILE, expected host:port such as db.example.org:3306',
        ),
        ("[catalog]\naddress = 'db:0'", 'catalog.address is "db:0" in FILE, expected host:port such as db.example'),
        (
            "[cache]\nurl = 'localhost'",
            'cache.url is "localhost" in FILE, expected a URL such as redis://127.0.0.1:6379/0',
        ),
        ("[cache]\nurl = 'redis://h:99999'", 'cache.url is "redis://h:99999" in FILE, expected a URL such as redis://'),
        ("[cache]\nurl = 'redis://h/0?x=1'", 'cache.url is "redis://h/0?x=1" in FILE, expected a URL such as redis://'),
        (
            "[cache]\nurl = 'redis://u:hidden@h:1/0'",
            'cache.url is "…" in FILE, expected a URL such as redis://127.0.0.1:6379/0, and the password in cache.pa',
        ),
        (
            "[cache]\nurl = 'redis://:hidden@'",
            'cache.url is "…" in FILE, expected a URL such as redis://127.0.0.1:6379/0',
        ),
        (
            "[objects]\ntype = 's3'",
            'objects.bucket is "" by default, expected the name of a bucket, as objects.type is s3',
        ),
        (
            "[objects]\nprefix = 'logs'",
            'objects.prefix is "logs" in FILE, expected letters, digits and signs, with a sl',
        ),
        (
            "[objects]\nendpoint = 'http://id:hidden@h'",
            'objects.endpoint is "…" in FILE, expected a URL such as http://127.0.0.1:9000',
        ),
        (
            "[api.rate_limit]\nrequests_per_second = -1",
            "api.rate_limit.requests_per_second is -1 in FILE, expected a number of at least 0",
        ),
        ("[api]\nlisten = '8080'", 'api.listen is "8080" in FILE, expected host:port such as 127.0.0.1:8080'),
        (
            "[server]\nroles = ['apis']",
            'server.roles[0] is "apis" in FILE, expected agent, processor, api, alerter or archiver',
        ),
        ("[server]\nroles = ['api', 'api']", 'server.roles[1] is "api" in FILE, expected every role once'),
        (
            "[server]\nroles = []",
            "server.roles is [] in FILE, expected at least one of agent, processor, api, alerter or archiver",
        ),
        ("[server]\nroles = ['agent']", "agent.files is [] by default, expected files to follow, or another input, as"),
        (
            "[ingest]\nmax_body_bytes = 1024",
            "ingest.max_line_bytes is 1048576 by default, expected at most ingest.max_body_bytes, which is 1024",
        ),
        (
            "[ingest]\nmax_inflight_bytes = 1",
            "ingest.max_inflight_bytes is 1 in FILE, expected at least ingest.max_body_bytes, which is 67108864",
        ),
        (f"data_dir = ['{'x' * 999}']", f'data_dir is ["{"x" * 78}… in FILE, expected a text'),
        ("a = 1 1", "FILE line 1, column 7: expected newline or end of document after a statement"),
        ("\na = [", "FILE line 2, column 6: invalid value"),
        ("a = " + "[" * 9_999, "FILE: arrays or tables are nested too deeply"),
        ("a = " + "9" * 5_000, "FILE: exceeds the limit (4300 digits) for integer string conversion"),
        (
            "[shedding]\nspike_factor = 1",
            "shedding.spike_factor is 1.0 in FILE, expected 0, or more than 1, as what is",
        ),
        ("[shedding]\nkeep = 1", "shedding.keep is 1 in FILE, expected a number above 0"),
        ("[shedding]\nbaseline_seconds = 9", "expected at least shedding.window_seconds, which is 10"),
    ],
)
def test_a_wrong_file(tmp_path: Path, toml: str, sentence: str | None) -> None:
    path = written(tmp_path, toml)
    if sentence is None:
        load(path, {})
    else:
        assert sentence.replace("FILE", str(path)) in refusal(path)


@pytest.mark.parametrize(
    ("env", "sets", "sentence"),
    [
        ({"LOGD_API__LISEN": "x"}, [], 'api.lisen is "x" in LOGD_API__LISEN, expected a key that exists: did you mean'),
        (
            {"LOGD_DATADIR": "x"},
            [],
            'datadir is "x" in LOGD_DATADIR, expected a key that exists: did you mean data_dir?',
        ),
        ({"LOGD_DATA_DIR__X": "x"}, [], 'data_dir.x is "x" in LOGD_DATA_DIR__X, expected a key that exists'),
        (
            {"LOGD_PARSE__JOIN_LINES": "many"},
            [],
            'parse.join_lines is "many" in LOGD_PARSE__JOIN_LINES, expected a whole',
        ),
        ({"LOGD_AGENT__FILES": "[{}]"}, [], "agent.files[0].paths is missing in LOGD_AGENT__FILES, expected a list of"),
        (
            {"LOGD_AGENT__FILES": "/var/log"},
            [],
            'agent.files is "/var/log" in LOGD_AGENT__FILES, expected a list of tab',
        ),
        (
            {"LOGD_AGENT__FILES": "[]\nx = 1"},
            [],
            'agent.files is "[]\\nx = 1" in LOGD_AGENT__FILES, expected a list of',
        ),
        ({"LOGD_AGENT__FILES__0__PATHS": "a"}, [], "expected agent.files as a whole, in JSON or TOML"),
        (
            {"LOGD_DATA_DIR": "a", "logd_data_dir": "b"},
            [],
            "LOGD_DATA_DIR and logd_data_dir both set data_dir, expected",
        ),
        ({"LOGD_API__LISTEN": "x"}, ["api.listen=y"], 'api.listen is "y" on the command line, expected host:port'),
        ({}, ["agent.files[0].tags=a"], "expected agent.files as a whole, in JSON or TOML"),
        ({}, ["api.listen"], "--set got 'api.listen', expected key=value such as api.listen=127.0.0.1:8080"),
        ({}, ["=x"], "--set got '=x', expected key=value"),
    ],
)
def test_a_wrong_override(env: Env, sets: list[str], sentence: str) -> None:
    assert sentence in refusal(None, env, sets)


def test_an_override_of_a_wrong_table_leaves_it_to_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "api = 3")
    assert refusal(path, {"LOGD_API__LISTEN": "a:1"}) == f"api is 3 in {path}, expected a table"


def test_an_unreadable_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.toml") == f"can't read {tmp_path}/none.toml: No such file or directory"
    assert refusal(tmp_path) == f"can't read {tmp_path}: Is a directory"
    (tmp_path / "latin.toml").write_bytes(b"a = 1\nb = '\xe4'")
    assert refusal(tmp_path / "latin.toml") == f"{tmp_path}/latin.toml line 2, column 6: byte 0xe4 is not UTF-8"


def test_files_on_the_command_line_come_after_those_configured(tmp_path: Path) -> None:
    path = written(tmp_path, "[[agent.files]]\npaths = ['/a/*']")
    config = load(path, {}, follow=["/b/[1].log"])
    assert config.agent.files == [Files(paths=["/a/*"]), Files(paths=["/b/[[]1].log"])]
    assert load(None, {}, ["server.roles=agent"], ["/b"]).server.roles == ["agent"]
    assert refusal(None, {}, ["server.roles=api"], ["/b"]) == (
        'server.roles is ["api"] on the command line, expected agent among them, as it is to follow files'
    )


def written(folder: Path, toml: str) -> Path:
    path = folder / "logd.toml"
    path.write_text(toml, encoding="utf-8", newline="")
    return path


def refusal(
    path: Path | None, env: Env | None = None, sets: list[str] | None = None, follow: list[str] | None = None
) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, env or {}, sets or [], follow or [])
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_the_server_of_an_agent(tmp_path: Path) -> None:
    path = written(tmp_path, "[agent]\nserver = 'https://logs'")
    assert load(path, {}).agent.server == "https://logs"
    assert load(path, {"LOGD_AGENT__SERVER": ""}).agent.server == ""
    assert refusal(path, {"LOGD_AGENT__SERVER": "logs"}) == (
        'agent.server is "logs" in LOGD_AGENT__SERVER, expected a URL such as http://logs.example.org:8080, or nothing'
    )
