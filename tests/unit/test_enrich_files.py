"""Rules that read files: lookups, places of addresses; and redaction, whose key may be in one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import netaddr
import numpy as np
import pytest
from mmdb_writer import MMDBWriter

from logd.config.shaping import ShapeTable
from logd.enrich.geoip import FIELDS, Geoip
from logd.enrich.lookup import Lookup
from logd.enrich.rules import compile_rules
from logd.enrich.shaping import Shaping
from logd.enrich.work import Work
from logd.errors import ConfigError
from tests.support.shaping import rows, shape, table


class TestLookup:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "customers.csv"
        file.write_text('id,name,tier\n1,"Müller, Söhne",gold\n2,,silver\n2,twice,none\n')
        return file

    def _rule(self, file: Path, **settings: Any) -> ShapeTable:
        return ShapeTable(type="lookup", file=str(file), key="id", field="customer", **settings)

    def test_takes_what_the_row_has(self, file: Path) -> None:
        records: list[dict[str, Any]] = [{"metadata": {"customer": value}} for value in (1, "2", "3", None, [1])]
        found = [row["metadata"] for row in rows(shape(records, self._rule(file, prefix="customer.")))]
        assert found == [
            {"customer": 1, "customer.name": "Müller, Söhne", "customer.tier": "gold"},
            {"customer": "2", "customer.tier": "silver"},
            {"customer": "3"},
            {"customer": None},
            {"customer": [1]},
        ]

    def test_what_is_there_counts_unless_overwritten(self, file: Path) -> None:
        records: list[dict[str, Any]] = [{"metadata": {"customer": 1, "tier": "old", "name": None}}]
        kept = rows(shape(records, self._rule(file)))[0]["metadata"]
        assert kept == {"customer": 1, "tier": "old", "name": "Müller, Söhne"}
        taken = rows(shape(records, self._rule(file, columns=["tier"], overwrite=True)))[0]["metadata"]
        assert taken == {"customer": 1, "tier": "gold", "name": None}

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "has no column 'id', only nothing"),
            ("name\nx\n", "has no column 'id', only name"),
            ("id,id\n1,2\n", "has a column twice"),
            ("id,name\n1\n", "row 2, has 1 values, expected 2"),
            ('id,name\n1,"x\n', "can't be read: unexpected end of data"),
        ],
    )
    def test_a_file_that_wont_do_is_refused(self, file: Path, text: str, reason: str) -> None:
        file.write_text(text)
        with pytest.raises(ConfigError, match=reason):
            compile_rules([self._rule(file)])

    def test_a_device_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="file '/dev/zero' is no file"):
            compile_rules([ShapeTable(type="lookup", file="/dev/zero", key="id", field="customer")])

    def test_is_read_again_when_it_changes(self, file: Path, caplog: pytest.LogCaptureFixture) -> None:
        now = [0.0]
        lookup = Lookup(str(file), "id", "customer", ["tier"], "", False, lambda: now[0])

        def tier() -> Any:
            work = Work(table([{"metadata": {"customer": 1}}]))
            lookup.run(work, np.array([0]))
            return work.column("metadata").to_pylist()[0]

        gold, new = '{"customer": 1,"tier":"gold"}', '{"customer": 1,"tier":"new"}'
        assert tier() == gold
        file.write_text("id,tier\n1,new\n")
        assert tier() == gold  # within the second
        now[0] += 1
        assert tier() == new
        for text in ("id\n1\n", "\x00,\xff"):
            file.write_text(text)
            now[0] += 1
            assert tier() == new
        assert caplog.text.count("a rule goes on with what was read before") == 2
        file.unlink()
        for _ in range(3):
            now[0] += 1
            assert tier() == new
        assert caplog.text.count("a rule goes on with what was read before") == 3
        file.write_text("id,tier\n1,gold\n")
        now[0] += 1
        assert tier() == gold


class TestGeoip:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "places.mmdb"
        _write(
            file,
            {
                "203.0.113.0/24": {
                    "country": {"iso_code": "DE", "names": {"en": "Germany", "de": "Deutschland"}},
                    "city": {"names": {"en": "Köln"}},
                    "location": {"latitude": 50.9, "longitude": 7},
                    "subdivisions": [{"iso_code": "NW"}],
                },
                "198.51.100.7/32": {"autonomous_system_number": 64496, "autonomous_system_organization": "Example"},
                "2001:db8::/32": {"country": "nonsense", "subdivisions": []},
            },
        )
        return file

    def test_gives_what_the_database_knows(self, file: Path) -> None:
        addresses = [
            "203.0.113.9",
            " 203.0.113.10",
            "198.51.100.7",
            "2001:db8::1",
            "10.0.0.1",
            "no address",
            "",
            None,
            7,
        ]
        records: list[dict[str, Any]] = [{"metadata": {"ip": address}} for address in addresses]
        found = rows(shape(records, ShapeTable(type="geoip", file=str(file), field="ip", prefix="client.")))
        place = {
            "client.geo.country_iso_code": "DE",
            "client.geo.country_name": "Germany",
            "client.geo.region_iso_code": "NW",
            "client.geo.city_name": "Köln",
            "client.geo.location.lat": 50.9,
            "client.geo.location.lon": 7,
        }
        network = {"client.as.number": 64496, "client.as.organization.name": "Example"}
        expected = [place, place, network, *([{}] * 6)]
        assert [row["metadata"] for row in found] == [
            {"ip": ip, **more} for ip, more in zip(addresses, expected, strict=True)
        ]

    def test_only_what_is_asked_for(self, file: Path) -> None:
        rule = ShapeTable(type="geoip", file=str(file), field="host", columns=["geo.city_name"], overwrite=True)
        row = rows(shape([{"host": "203.0.113.9", "metadata": {"geo": {"city_name": "x"}}}], rule))[0]
        assert row["metadata"] == {"geo": {"city_name": "x"}, "geo.city_name": "Köln"}

    def test_is_read_again_when_it_changes(self, file: Path, tmp_path: Path) -> None:
        now = [0.0]
        geoip = Geoip(str(file), "host", ["geo.country_iso_code"], "", False, lambda: now[0])

        def country() -> Any:
            work = Work(table([{"host": "203.0.113.9"}]))
            geoip.run(work, np.array([0]))
            return work.column("metadata").to_pylist()[0]

        assert country() == '{"geo.country_iso_code":"DE"}'
        new = tmp_path / "new.mmdb"
        _write(new, {"203.0.113.0/24": {"country": {"iso_code": "FR"}}})
        new.replace(file)
        assert country() == '{"geo.country_iso_code":"DE"}'
        now[0] += 1
        assert country() == '{"geo.country_iso_code":"FR"}'

    def test_without_the_package(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "maxminddb", None)
        with pytest.raises(ConfigError, match="needs the package maxminddb, which comes with logd's extra geoip"):
            compile_rules([ShapeTable(type="geoip", file=str(file), field="ip")])

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"file": "/nowhere.mmdb"}, "file '/nowhere.mmdb' can't be read: no such file"),
            ({"file": __file__}, "can't be read: error opening database file"),
            ({"columns": ["city"]}, f"columns has 'city', expected some of {next(iter(FIELDS))}"),
        ],
    )
    def test_a_wrong_one_is_named(self, file: Path, settings: dict[str, Any], sentence: str) -> None:
        with pytest.raises(ConfigError) as raised:
            compile_rules([ShapeTable(**{"type": "geoip", "file": str(file), "field": "ip", **settings})])
        assert sentence in str(raised.value)


def _write(file: Path, networks: dict[str, Any]) -> None:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True)
    for network, record in networks.items():
        writer.insert_network(netaddr.IPSet([network]), record)
    writer.to_db_file(str(file))


class TestRedact:
    def test_hides_in_some_records_and_counts(self) -> None:
        records: list[dict[str, Any]] = [
            {"service": service, "message": "to a@example.org", "metadata": {"cc": "b@example.org", "n": 1.0}}
            for service in ("web", "db", "web")
        ]
        found = shape(records, ShapeTable(type="redact", services=["web"], detectors=["email"]))
        hidden = {"cc": "[REDACTED:email]", "n": 1.0}
        assert [row["message"] for row in rows(found)] == [
            "to [REDACTED:email]",
            "to a@example.org",
            "to [REDACTED:email]",
        ]
        assert [row["metadata"] for row in rows(found)] == [hidden, records[1]["metadata"], hidden]
        assert found.counts == {("redacted", "email"): 4}

    def test_own_patterns_alone_are_no_detectors(self) -> None:
        rule = ShapeTable(type="redact", patterns={"order": r"ORD-\d+"}, names=["metadata.order"])
        row = rows(shape([{"message": "ORD-1 a@example.org", "metadata": {"order": "ORD-1", "x": "ORD-1"}}], rule))[0]
        assert row["message"] == "ORD-1 a@example.org"
        assert row["metadata"] == {"order": "[REDACTED:order]", "x": "ORD-1"}

    def test_what_is_dropped_before_costs_nothing(self) -> None:
        records = [{"message": "a@example.org", "level": level} for level in ("DEBUG", "INFO")]
        found = shape(records, ShapeTable(type="drop", query="level:DEBUG"), ShapeTable(type="redact"))
        assert found.counts == {("dropped", "drop-1"): 1, ("redacted", "email"): 1}

    def test_the_key_is_from_a_file_or_the_environment(self, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text("a key of some length\n")
        of_file, plain = (ShapeTable(type="redact", action="hash", key_file=key) for key in (str(file), ""))
        rules = [
            compile_rules([of_file], environ={}),
            compile_rules([plain], environ={"LOGD_REDACT_KEY": "a key of some length"}),
            compile_rules([plain], environ={"LOGD_REDACT_KEY": "another key, as long"}),
        ]
        messages = []
        for compiled in rules:
            made = Shaping(compiled)
            messages.append(made.shape(table([{"message": "a@example.org"}])).table["message"][0].as_py())
            made.close()
        assert messages[0] == messages[1] != messages[2]

    @pytest.mark.parametrize(
        ("rule", "environ", "sentence"),
        [
            ({"action": "hash"}, {}, "a hash needs a key, in key_file or in $LOGD_REDACT_KEY"),
            ({"action": "hash"}, {"LOGD_REDACT_KEY": "short"}, "expected 16 or more"),
            ({"action": "hash", "key_file": "/nowhere"}, {}, "key_file '/nowhere' can't be read: no such file"),
            ({"patterns": {"x": "("}}, {}, "shape[0] 'redact-1' (redact): "),
            ({"names": ["host"]}, {}, "field 'host', expected message, metadata or metadata.NAME"),
        ],
    )
    def test_a_wrong_one_is_named(self, rule: dict[str, Any], environ: dict[str, str], sentence: str) -> None:
        with pytest.raises(ConfigError) as raised:
            compile_rules([ShapeTable(type="redact", **rule)], environ=environ)
        assert sentence in str(raised.value)
