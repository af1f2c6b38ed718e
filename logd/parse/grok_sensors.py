r"""The logs of Zeek, tab-separated as Zeek 3 and later write them, and of Bro, as it was called before, as grok
patterns by name, with the fields that Logstash gives them: conn.log, http.log, dns.log, files.log and x509.log.
"""

from __future__ import annotations

from collections.abc import Mapping

from logd.parse.grok_columns import columns

_TAB = r"\t"
_CONNECTION = (
    "timestamp:NUMBER",
    "zeek.session_id:NOTSPACE",
    "source.ip:IP",
    "source.port:INT:int",
    "destination.ip:IP",
    "destination.port:INT:int",
)
_HTTP = (
    *_CONNECTION,
    "zeek.http.trans_depth:INT:int",
    "http.request.method:WORD?",
    "url.domain:ZEEK_DATA?",
    "url.original:ZEEK_DATA?",
    "http.request.referrer:ZEEK_DATA?",
)
_HTTP_ANSWER = (
    "http.request.body.bytes:INT:int?",
    "http.response.body.bytes:INT:int?",
    "http.response.status_code:INT:int?",
    "zeek.http.status_msg:ZEEK_DATA?",
    "zeek.http.info_code:INT:int?",
    "zeek.http.info_msg:ZEEK_DATA?",
)
_HTTP_USER = (
    r"(?:\(empty\)|%{ZEEK_DATA:zeek.http.tags})",
    "url.username:ZEEK_DATA?",
    "url.password:ZEEK_DATA?",
    "zeek.http.proxied:ZEEK_DATA?",
)
_DNS = (
    "dns.question.name:ZEEK_DATA?",
    "zeek.dns.qclass:INT:int?",
    "zeek.dns.qclass_name:ZEEK_DATA?",
    "zeek.dns.qtype:INT:int?",
    "dns.question.type:ZEEK_DATA?",
    "zeek.dns.rcode:INT:int?",
    "dns.response_code:ZEEK_DATA?",
    "zeek.dns.AA:ZEEK_BOOL?",
    "zeek.dns.TC:ZEEK_BOOL?",
    "zeek.dns.RD:ZEEK_BOOL?",
    "zeek.dns.RA:ZEEK_BOOL?",
    "zeek.dns.Z:INT:int?",
    "zeek.dns.answers:ZEEK_DATA?",
    "zeek.dns.TTLs:ZEEK_DATA?",
    "zeek.dns.rejected:ZEEK_BOOL?",
)
_FILES = (
    "timestamp:NUMBER",
    "zeek.files.fuid:NOTSPACE",
    "(?:-|%{ZEEK_FILES_TX_HOSTS})",
    "(?:-|%{ZEEK_FILES_RX_HOSTS})",
    "zeek.files.session_ids:ZEEK_DATA?",
    "zeek.files.source:ZEEK_DATA?",
    "zeek.files.depth:INT:int?",
    r"(?:-|\(empty\)|%{ZEEK_DATA:zeek.files.analyzers})",
    "file.mime_type:ZEEK_DATA?",
    "file.name:ZEEK_DATA?",
    "zeek.files.duration:NUMBER:float?",
    "zeek.files.local_orig:ZEEK_BOOL?",
    "zeek.files.is_orig:ZEEK_BOOL?",
    "zeek.files.seen_bytes:INT:int?",
    "file.size:INT:int?",
    "zeek.files.missing_bytes:INT:int?",
    "zeek.files.overflow_bytes:INT:int?",
    "zeek.files.timedout:ZEEK_BOOL?",
    "zeek.files.parent_fuid:ZEEK_DATA?",
    "file.hash.md5:ZEEK_DATA?",
    "file.hash.sha1:ZEEK_DATA?",
    "file.hash.sha256:ZEEK_DATA?",
    "zeek.files.extracted:ZEEK_DATA?",
)
_CONN = (
    *_CONNECTION,
    "network.transport:WORD",
    "network.protocol:ZEEK_DATA?",
    "zeek.connection.duration:NUMBER:float?",
    "zeek.connection.orig_bytes:INT:int?",
    "zeek.connection.resp_bytes:INT:int?",
    "zeek.connection.state:ZEEK_DATA?",
    "zeek.connection.local_orig:ZEEK_BOOL?",
)
_CONN_COUNTS = (
    "zeek.connection.missed_bytes:INT:int?",
    "zeek.connection.history:ZEEK_DATA?",
    "source.packets:INT:int?",
    "source.bytes:INT:int?",
    "destination.packets:INT:int?",
    "destination.bytes:INT:int?",
    r"(?:-|\(empty\)|%{ZEEK_DATA:zeek.connection.tunnel_parents})",
)


def _hosts(one: str, several: str) -> str:
    """One address, or several with commas."""
    return rf"(?:(?<zeek.files.{several}>%{{IP}}(?:[\s,]%{{IP}})+)|%{{IP:{one}}})"


_ZEEK = {
    "ZEEK_BOOL": "[TF]",
    "ZEEK_DATA": r"[^\t\n]+",
    "ZEEK_CONN": columns(_TAB, *_CONN, "zeek.connection.local_resp:ZEEK_BOOL?", *_CONN_COUNTS)
    + r"(?:\t(?:-|%{COMMONMAC:source.mac})\t(?:-|%{COMMONMAC:destination.mac}))?",
    "ZEEK_HTTP": columns(
        _TAB,
        *_HTTP,
        "http.version:NUMBER?",
        "user_agent.original:ZEEK_DATA?",
        "zeek.http.origin:ZEEK_DATA?",
        *_HTTP_ANSWER,
        *_HTTP_USER,
        "zeek.http.orig_fuids:ZEEK_DATA?",
        "zeek.http.orig_filenames:ZEEK_DATA?",
        "http.request.mime_type:ZEEK_DATA?",
        "zeek.http.resp_fuids:ZEEK_DATA?",
        "zeek.http.resp_filenames:ZEEK_DATA?",
        "http.response.mime_type:ZEEK_DATA?",
    ),
    "ZEEK_DNS": columns(
        _TAB, *_CONNECTION, "network.transport:WORD", "dns.id:INT:int?", "zeek.dns.rtt:NUMBER:float?", *_DNS
    ),
    "ZEEK_FILES_TX_HOSTS": _hosts("server.ip", "tx_hosts"),
    "ZEEK_FILES_RX_HOSTS": _hosts("client.ip", "rx_hosts"),
    "ZEEK_FILES": columns(_TAB, *_FILES)
    + r"(?:\t(?:-|%{ZEEK_BOOL:zeek.files.extracted_cutoff})\t(?:-|%{INT:zeek.files.extracted_size:int}))?",
    "ZEEK_X509": columns(
        _TAB,
        "timestamp:NUMBER",
        "zeek.x509.fuid:NOTSPACE",
        *(
            f"zeek.x509.certificate.{name}?"
            for name in (
                *("version:INT:int", "serial:ZEEK_DATA", "subject:ZEEK_DATA", "issuer:ZEEK_DATA"),
                *("not_before:NUMBER", "not_after:NUMBER", "key.algorithm:ZEEK_DATA", "signature_algorithm:ZEEK_DATA"),
                *("key.type:ZEEK_DATA", "key.length:INT:int", "exponent:ZEEK_DATA", "curve:ZEEK_DATA"),
            )
        ),
        *(f"zeek.x509.san.{name}:ZEEK_DATA?" for name in ("dns", "uri", "email", "ip")),
        "zeek.x509.basic_constraints.ca:ZEEK_BOOL?",
        "zeek.x509.basic_constraints.path_len:INT:int?",
    ),
}

#: The same of Bro, before it was called Zeek: some columns weren't there yet, of http.log one was elsewhere.
_BRO = {
    "BRO_BOOL": "%{ZEEK_BOOL}",
    "BRO_DATA": "%{ZEEK_DATA}",
    "BRO_CONN": columns(_TAB, *_CONN, *_CONN_COUNTS),
    "BRO_HTTP": columns(
        _TAB,
        *_HTTP,
        "user_agent.original:ZEEK_DATA?",
        *_HTTP_ANSWER,
        "zeek.http.filename:ZEEK_DATA?",
        *_HTTP_USER,
        "zeek.http.orig_fuids:ZEEK_DATA?",
        "http.request.mime_type:ZEEK_DATA?",
        "zeek.http.resp_fuids:ZEEK_DATA?",
        "http.response.mime_type:ZEEK_DATA?",
    ),
    "BRO_DNS": columns(_TAB, *_CONNECTION, "network.transport:WORD", "dns.id:INT:int?", *_DNS),
    "BRO_FILES": columns(_TAB, *_FILES),
}

SENSORS: Mapping[str, str] = {**_ZEEK, **_BRO}
