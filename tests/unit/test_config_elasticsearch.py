"""What of `[index.elasticsearch]` and `[policies]` is refused, and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.config.load import load
from logd.config.schema import Policy
from logd.errors import ConfigError

_INDEX = "[index]\ntype = 'elasticsearch'\n[index.elasticsearch]\n"


def _load(folder: Path, toml: str) -> object:
    path = folder / "logd.toml"
    path.write_text(toml)
    return load(path, {})


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("urls = []", "urls is [] in FILE, expected a list of at least one text"),
        ("urls = ['es:9200']", 'urls[0] is "es:9200" in FILE, expected a URL such as https://es-1.example.org:9200'),
        ("urls = ['https://a:1', 'ftp://b:2']", 'urls[1] is "ftp://b:2" in FILE, expected a URL'),
        ("urls = ['http://u:hidden@h:1']", 'urls[0] is "…" in FILE, expected a URL'),
        ("urls = ['http://h:99999']", 'urls[0] is "http://h:99999" in FILE, expected a URL'),
        ("user = 'u'\napi_key_file = '/k'", 'api_key_file is "/k" in FILE, expected nothing, as there is a user: u'),
        ("password_file = '/p'", 'user is "" by default, expected a name, as there is a password'),
        ("tls_ca = '/ca'", "expected https://, as index.elasticsearch.tls_ca says who is trusted"),
        ('tls_ca = "/c\\u0000"', 'tls_ca is "/c\\u0000" in FILE, expected the path of a file'),
        (
            "timeout_seconds = 10",
            "timeout_seconds is 10.0 in FILE, expected at least search.deadline_seconds, which is 30",
        ),
        ("refresh_seconds = 0.01", "refresh_seconds is 0.01 in FILE, expected a number of at least 0.1"),
        ("max_fields = 10", "max_fields is 10 in FILE, expected a whole number of at least 50"),
        ("shards = 0", "shards is 0 in FILE, expected a whole number of at least 1 and at most 1024"),
        ("metadata = 'nested'", 'metadata is "nested" in FILE, expected "flattened" or "object"'),
        ("bulks = 1", "bulks is 1 in FILE, expected a key that exists"),
    ],
)
def test_what_wont_do_is_named(tmp_path: Path, toml: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, _INDEX + toml)
    assert sentence.replace("FILE", str(tmp_path / "logd.toml")) in str(caught.value)
    assert "index.elasticsearch." in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_what_isnt_used_isnt_looked_at(tmp_path: Path) -> None:
    _load(tmp_path, "[index.elasticsearch]\nurls = ['es:9200']")


def test_policies(tmp_path: Path) -> None:
    config = load(None, {"LOGD_POLICIES__WEB__SERVICES": "front,back"}, ['policies.pay={"services": ["pay-*"]}'])
    assert config.policies == {"web": Policy(services=["front", "back"]), "pay": Policy(services=["pay-*"])}
    config = load(None, {}, ["policies.DEFAULT.warm_days=7", "policies.DEFAULT.cold_days=0"])
    assert config.policies == {"DEFAULT": Policy(warm_days=7, cold_days=0)}


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[policies.Pay]\nservices = ['a']", "no policy can be called 'Pay': policies.Pay is "),
        ("[policies.default]\nservices = ['a']", "no policy can be called 'default'"),
        ("[policies.late-pay]\nservices = ['a']", "no policy can be called 'late-pay'"),
        ("[policies.'2026']\nservices = ['a']", "no policy can be called '2026'"),
        (
            "[policies.a]\nservices = ['a']\n[policies.b]\nservices = []",
            "policies.b.services is [] in FILE, expected at",
        ),
        (
            "[policies.a]\nservices = ['a', '']",
            'policies.a.services[1] is "" in FILE, expected a text that isn\'t empty',
        ),
        ("[policies.a]\nservice = ['a']", 'policies.a.service is ["a"] in FILE, expected a key that exists'),
        ("[policies.a]", "policies.a.services is [] by default, expected at least one name"),
        ("[policies.restored-a]\nservices = ['a']", "no policy can be called 'restored-a'"),
        ("[policies.DEFAULT]\nservices = ['a']", 'policies.DEFAULT.services is ["a"] in FILE, expected none'),
        (
            "[policies.DEFAULT]\nhot_days = 8\nwarm_days = 7",
            "hot_days is 8 in FILE, expected at most warm_days, which is 7",
        ),
        (
            "[policies.DEFAULT]\nhot_days = 8\ncold_days = 7",
            "hot_days is 8 in FILE, expected at most cold_days, which is 7",
        ),
        (
            "[policies.DEFAULT]\nwarm_days = 8\ncold_days = 7",
            "warm_days is 8 in FILE, expected at most cold_days, which is",
        ),
        ("[policies.DEFAULT]\nhot_days = -1", "policies.DEFAULT.hot_days is -1 in FILE, expected"),
        ("policies = 3", "policies is 3 in FILE, expected a table"),
    ],
)
def test_wrong_policies(tmp_path: Path, toml: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, toml)
    assert sentence.replace("FILE", str(tmp_path / "logd.toml")) in str(caught.value)
