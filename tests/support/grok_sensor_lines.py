"""Lines of Zeek and Bro, as grok_lines.py has them of programs; bars stand for tabs."""

from __future__ import annotations

from tests.support.grok_lines import Line, fields

_ZEEK = "1541001600.580233|CL3Y|10.4.46.1|41992|172.217.6.206|80"
_ZEEK_FIELDS = fields(
    "timestamp 1541001600.580233 | zeek.session_id CL3Y | source.ip 10.4.46.1 | source.port 41992"
    "| destination.ip 172.217.6.206 | destination.port 80"
)

_FILES = (
    "1541001600.580233|F1|10.0.0.1|10.0.0.2,10.0.0.3|CL3Y|HTTP|0|MD5,SHA1|text/html|a b.html|0.5|T|F|120|120|0|0|F|-"
    "|0cc1|a9|-|-"
)
_FILES_FIELDS = fields(
    "timestamp 1541001600.580233 | zeek.files.fuid F1 | server.ip 10.0.0.1 | zeek.files.rx_hosts 10.0.0.2,10.0.0.3"
    "| zeek.files.session_ids CL3Y | zeek.files.source HTTP | zeek.files.depth 0 | zeek.files.analyzers MD5,SHA1"
    "| file.mime_type text/html | file.name a b.html | zeek.files.duration 0.5 | zeek.files.local_orig T"
    "| zeek.files.is_orig F | zeek.files.seen_bytes 120 | file.size 120 | zeek.files.missing_bytes 0"
    "| zeek.files.overflow_bytes 0 | zeek.files.timedout F | file.hash.md5 0cc1 | file.hash.sha1 a9"
)
_CUTOFF = "zeek.files.extracted_cutoff F | zeek.files.extracted_size 100"

SENSOR_LINES: list[Line] = [
    (
        "ZEEK_CONN",
        f"{_ZEEK}|tcp|-|0.139462|0|0|SF|T|F|0|ShAdDaFf|4|216|3|164|(empty)|00:11:22:33:aa:bb|00:11:22:33:aa:cc".replace(
            "|", "\t"
        ),
        _ZEEK_FIELDS
        | fields(
            "network.transport tcp | zeek.connection.duration 0.139462 | zeek.connection.orig_bytes 0"
            "| zeek.connection.resp_bytes 0 | zeek.connection.state SF | zeek.connection.local_orig T"
            "| zeek.connection.local_resp F | zeek.connection.missed_bytes 0 | zeek.connection.history ShAdDaFf"
            "| source.packets 4 | source.bytes 216 | destination.packets 3 | destination.bytes 164"
            "| source.mac 00:11:22:33:aa:bb | destination.mac 00:11:22:33:aa:cc"
        ),
    ),
    (
        "ZEEK_HTTP",
        f"{_ZEEK}|1|GET|a.b|/x|-|1.1|curl/7|-|0|5|200|OK|-|-|(empty)|-|-|-|-|-|-|F1|-|text/html".replace("|", "\t"),
        _ZEEK_FIELDS
        | fields(
            "zeek.http.trans_depth 1 | http.request.method GET | url.domain a.b | url.original /x | http.version 1.1"
            "| user_agent.original curl/7 | http.request.body.bytes 0 | http.response.body.bytes 5"
            "| http.response.status_code 200 | zeek.http.status_msg OK | zeek.http.resp_fuids F1"
            "| http.response.mime_type text/html"
        ),
    ),
    (
        "ZEEK_DNS",
        f"{_ZEEK}|udp|10|0.1|a.b|1|C_INTERNET|1|A|0|NOERROR|F|F|T|T|0|1.2.3.4|60.0|F".replace("|", "\t"),
        _ZEEK_FIELDS
        | fields(
            "network.transport udp | dns.id 10 | zeek.dns.rtt 0.1 | dns.question.name a.b | zeek.dns.qclass 1"
            "| zeek.dns.qclass_name C_INTERNET | zeek.dns.qtype 1 | dns.question.type A | zeek.dns.rcode 0"
            "| dns.response_code NOERROR | zeek.dns.AA F | zeek.dns.TC F | zeek.dns.RD T | zeek.dns.RA T"
            "| zeek.dns.Z 0 | zeek.dns.answers 1.2.3.4 | zeek.dns.TTLs 60.0 | zeek.dns.rejected F"
        ),
    ),
    ("ZEEK_FILES_TX_HOSTS", "10.0.0.1", {"server.ip": "10.0.0.1"}),
    ("ZEEK_FILES_RX_HOSTS", "10.0.0.1,fe80::1", {"zeek.files.rx_hosts": "10.0.0.1,fe80::1"}),
    ("ZEEK_FILES", f"{_FILES}|F|100".replace("|", "\t"), _FILES_FIELDS | fields(_CUTOFF)),
    ("ZEEK_FILES", _FILES.replace("|", "\t"), _FILES_FIELDS),
    ("BRO_FILES", _FILES.replace("|", "\t"), _FILES_FIELDS),
    (
        "ZEEK_X509",
        "1541001600.580233|F1|3|0A1B|CN=a.b,O=C|CN=ca|1538000000.0|1545000000.0|rsaEncryption|sha256WithRSA|rsa|2048"
        "|65537|-|a.b,www.a.b|-|-|-|F|-".replace("|", "\t"),
        fields(
            "timestamp 1541001600.580233 | zeek.x509.fuid F1 | zeek.x509.certificate.version 3"
            "| zeek.x509.certificate.serial 0A1B | zeek.x509.certificate.subject CN=a.b,O=C"
            "| zeek.x509.certificate.issuer CN=ca | zeek.x509.certificate.not_before 1538000000.0"
            "| zeek.x509.certificate.not_after 1545000000.0 | zeek.x509.certificate.key.algorithm rsaEncryption"
            "| zeek.x509.certificate.signature_algorithm sha256WithRSA | zeek.x509.certificate.key.type rsa"
            "| zeek.x509.certificate.key.length 2048 | zeek.x509.certificate.exponent 65537"
            "| zeek.x509.san.dns a.b,www.a.b | zeek.x509.basic_constraints.ca F"
        ),
    ),
    (
        "BRO_CONN",
        f"{_ZEEK}|udp|dns|-|-|-|S0|-|0|D|1|66|0|0|(empty)".replace("|", "\t"),
        _ZEEK_FIELDS
        | fields(
            "network.transport udp | network.protocol dns | zeek.connection.state S0 | zeek.connection.missed_bytes 0"
            "| zeek.connection.history D | source.packets 1 | source.bytes 66 | destination.packets 0"
            "| destination.bytes 0"
        ),
    ),
    (
        "BRO_HTTP",
        f"{_ZEEK}|1|GET|a.b|/x|http://r/|curl/7|0|5|200|OK|-|-|-|(empty)|bob|-|-|-|-|F1|text/html".replace("|", "\t"),
        _ZEEK_FIELDS
        | fields(
            "zeek.http.trans_depth 1 | http.request.method GET | url.domain a.b | url.original /x"
            "| http.request.referrer http://r/ | user_agent.original curl/7 | http.request.body.bytes 0"
            "| http.response.body.bytes 5 | http.response.status_code 200 | zeek.http.status_msg OK | url.username bob"
            "| zeek.http.resp_fuids F1 | http.response.mime_type text/html"
        ),
    ),
    (
        "BRO_DNS",
        f"{_ZEEK}|udp|10|a.b|1|C_INTERNET|28|AAAA|-|-|F|F|T|F|0|-|-|F".replace("|", "\t"),
        _ZEEK_FIELDS
        | fields(
            "network.transport udp | dns.id 10 | dns.question.name a.b | zeek.dns.qclass 1"
            "| zeek.dns.qclass_name C_INTERNET | zeek.dns.qtype 28 | dns.question.type AAAA | zeek.dns.AA F"
            "| zeek.dns.TC F | zeek.dns.RD T | zeek.dns.RA F | zeek.dns.Z 0 | zeek.dns.rejected F"
        ),
    ),
]
