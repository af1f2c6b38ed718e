"""The settings of alerts."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.config.address import is_mail_address
from logd.config.load import load
from logd.errors import ConfigError

_WINDOW = "start = '02:00', end = '04:00'"


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("allow = ['10.0.0.1/8']", 'allow[0] is "10.0.0.1/8" in FILE, expected a host, a domain such as *.example.org'),
        ("allow = ['*']", 'allow[0] is "*" in FILE, expected a host'),
        ("allow = ['']", 'allow[0] is "" in FILE, expected a text that isn\'t empty'),
        ("secrets = ['ALERT_*']", 'secrets[0] is "ALERT_*" in FILE, expected a glob that begins with env: or file:/'),
        ("secrets = ['env:[A']", 'secrets[0] is "env:[A" in FILE, expected a glob whose [ has its ]'),
        ('tls_ca = "a\\u0000"', "expected the path of a file"),
        ("timeout_seconds = 0", "timeout_seconds is 0 in FILE, expected a number above 0 and at most 86400"),
        (
            "give_up_seconds = 5",
            "give_up_seconds is 5.0 in FILE, expected at least alerts.notify.timeout_seconds, which",
        ),
        ("concurrency = 0", "concurrency is 0 in FILE, expected a whole number of at least 1"),
        (
            "smtp.address = 'mail'",
            'smtp.address is "mail" in FILE, expected host:port such as smtp.example.org:587, or',
        ),
        ("smtp.address = 'mail:0'", 'smtp.address is "mail:0" in FILE, expected host:port'),
        ("smtp.address = 'mail:25'", 'smtp.sender is "" by default, expected an address such as logd@example.org'),
        ("smtp.sender = 'Logd <a@b>'", 'smtp.sender is "Logd <a@b>" in FILE, expected an address such as logd@exam'),
        ("smtp.password_file = 'p'", 'smtp.user is "" by default, expected a name, as there is a password'),
        (
            "smtp = { address = 'mail:25', sender = 'a@b', user = 'u', tls = 'none' }",
            'smtp.tls is "none" in FILE, expected starttls or tls, as there is a user',
        ),
    ],
)
def test_wrong_settings(tmp_path: Path, toml: str, sentence: str) -> None:
    file = tmp_path / "logd.toml"
    file.write_text(f"[alerts.notify]\n{toml}\n")
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert sentence.replace("FILE", str(file)) in str(caught.value)
    assert str(caught.value).startswith("alerts.notify.")


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("public_url = 'logs.example.org'", 'alerts.public_url is "logs.example.org" in FILE, expected a URL such as'),
        ("public_url = 'https://a/?q=1'", "expected a URL such as https://logs.example.org, or nothing"),
        ("public_url = 'https://'", "expected a URL such as https://logs.example.org, or nothing"),
        ("group_wait_seconds = -1", "alerts.group_wait_seconds is -1 in FILE, expected a number"),
        ("inhibit_by = ['']", 'alerts.inhibit_by[0] is "" in FILE, expected a text that isn\'t empty'),
        (f"maintenance = [{{ {_WINDOW}, days = ['sunday'] }}]", 'days[0] is "sunday" in FILE, expected "fri" or'),
        ("maintenance = [{ start = '02:00' }]", "alerts.maintenance[0].end is missing"),
        (
            "maintenance = [{ start = '2:00', end = '04:00' }]",
            'alerts.maintenance[0].start is "2:00" in FILE, expected a time of the day such as 02:00',
        ),
        ("maintenance = [{ start = '02:00', end = '24:00' }]", 'end is "24:00" in FILE, expected a time of the day'),
        (
            f"maintenance = [{{ {_WINDOW}, zone = 'Berlin' }}]",
            'zone is "Berlin" in FILE, expected an IANA name',
        ),
        (f"maintenance = [{{ {_WINDOW}, rule = '[a' }}]", 'maintenance[0].rule is "[a" in FILE, expected a glob whose'),
        (f"maintenance = [{{ {_WINDOW}, group = {{ host = '[a' }} }}]", 'maintenance[0].group.host is "[a" in FILE'),
    ],
)
def test_wrong_settings_of_alerts(tmp_path: Path, toml: str, sentence: str) -> None:
    file = tmp_path / "logd.toml"
    file.write_text(f"[alerts]\n{toml}\n")
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert sentence.replace("FILE", str(file)) in str(caught.value)


def test_settings() -> None:
    sets = [
        "alerts.notify.allow=10.0.0.0/8,fd00::/8,*.lan.example.org,am.example.org",
        "alerts.notify.secrets=file:/etc/logd/secrets/*,env:A",
        "alerts.notify.smtp={address='127.0.0.1:25', sender='logd@example.org', user='u', tls='none'}",
    ]
    notify = load(None, {"LOGD_SMTP_PASSWORD": "x"}, sets).alerts.notify
    assert len(notify.allow) == 4
    assert notify.smtp.sender == "logd@example.org"


@pytest.mark.parametrize("shards", ["0", "1001", "'8'"])
def test_shards_that_there_cant_be(shards: str) -> None:
    with pytest.raises(ConfigError, match=r"alerts\.shards"):
        load(None, {}, [f"alerts.shards={shards}"])


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        *((text, True) for text in ("a@b", "on-call+pay.x@mail.example.org", "o'neill@example.org")),
        *(
            (text, False)
            for text in ("", "a", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@b\n", "<a@b>", "a,b@c", "a@-b")
        ),
        *((text, False) for text in ("a@b..c", "ü@example.org", "a@" + "b" * 300, "a@[127.0.0.1]", '"a"@b', "a@b.")),
    ],
)
def test_addresses_of_mail(text: str, is_one: bool) -> None:
    assert is_mail_address(text) is is_one
