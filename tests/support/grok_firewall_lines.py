"""Lines of firewalls, as grok_lines.py has them of programs."""

from __future__ import annotations

from tests.support.grok_cisco_lines import CISCO_LINES
from tests.support.grok_lines import Line, fields

_NETFILTER = (
    "IN=eth0 OUT= MAC=00:1e:49:aa:bb:cc:00:0c:29:dd:ee:ff:08:00 SRC=1.2.3.4 DST=10.0.0.1 LEN=60 TOS=0x00 PREC=0x00 "
    "TTL=64 ID=43375 DF PROTO=TCP SPT=53678 DPT=22 WINDOW=64240 RES=0x00 SYN "
)
_NETFILTER_FIELDS = fields(
    "observer.ingress.interface.name eth0 | destination.mac 00:1e:49:aa:bb:cc | source.mac 00:0c:29:dd:ee:ff"
    "| source.ip 1.2.3.4 | destination.ip 10.0.0.1 | iptables.length 60 | iptables.tos 00 | iptables.precedence_bits 00"
    "| iptables.ttl 64 | iptables.id 43375 | iptables.fragment_flags DF | network.transport TCP | source.port 53678"
    "| destination.port 22 | iptables.tcp.window 64240 | iptables.tcp_reserved_bits 00"
) | {"iptables.tcp.flags": "SYN "}
_FLOW_ENDS = fields(
    "source.ip 10.0.0.1 | source.port 594 | destination.ip 10.128.0.1 | destination.port 80"
    "| juniper.srx.service_name junos-http"
)
_FLOW = "10.0.0.1/594->10.128.0.1/80 junos-http 1.2.3.4/5->10.128.0.1/80 nat-rule None 6 trust-rule trust untrust 5058"
_FLOW_FIELDS = _FLOW_ENDS | fields(
    "source.nat.ip 1.2.3.4 | source.nat.port 5 | destination.nat.ip 10.128.0.1 | destination.nat.port 80"
    "| juniper.srx.src_nat_rule_name nat-rule | network.iana_number 6 | rule.name trust-rule"
    "| observer.ingress.zone trust | observer.egress.zone untrust | juniper.srx.session_id 5058"
)

_FIREWALLS: list[Line] = [
    (
        "RT_FLOW1",
        f"RT_FLOW_SESSION_CLOSE: session closed TCP FIN: {_FLOW} 9(1000) 5(900) 8 UNKNOWN",
        _FLOW_FIELDS
        | fields(
            "juniper.srx.tag RT_FLOW_SESSION_CLOSE | juniper.srx.reason session closed TCP FIN | source.bytes 1000"
            "| destination.bytes 900 | juniper.srx.elapsed_time 8"
        ),
    ),
    (
        "RT_FLOW2",
        f"RT_FLOW_SESSION_CREATE: session created {_FLOW} N/A",
        _FLOW_FIELDS | {"juniper.srx.tag": "RT_FLOW_SESSION_CREATE"},
    ),
    (
        "RT_FLOW3",
        "RT_FLOW_SESSION_DENY: session denied 10.0.0.1/594->10.128.0.1/80 junos-http 6(0) deny-all trust untrust x",
        _FLOW_ENDS
        | fields(
            "juniper.srx.tag RT_FLOW_SESSION_DENY | network.iana_number 6 | rule.name deny-all"
            "| observer.ingress.zone trust | observer.egress.zone untrust"
        ),
    ),
    (
        "IPTABLES_TCP_PART",
        "SEQ=1 ACK=2 WINDOW=3 RES=0x00 ACK FIN ",
        {
            "iptables.tcp.seq": "1",
            "iptables.tcp.ack": "2",
            "iptables.tcp.window": "3",
            "iptables.tcp_reserved_bits": "00",
            "iptables.tcp.flags": "ACK FIN ",
        },
    ),
    (
        "IPTABLES4_PART",
        "SRC=1.2.3.4 DST=10.0.0.1 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=0 CE DF FRAG:64",
        fields(
            "source.ip 1.2.3.4 | destination.ip 10.0.0.1 | iptables.length 60 | iptables.tos 00"
            "| iptables.precedence_bits 00 | iptables.ttl 64 | iptables.id 0 | iptables.fragment_flags CE DF"
            "| iptables.fragment_offset 64"
        ),
    ),
    (
        "IPTABLES6_PART",
        "SRC=fe80::1 DST=2001:db8::1 LEN=60 TC=0 HOPLIMIT=64 FLOWLBL=0",
        fields(
            "source.ip fe80::1 | destination.ip 2001:db8::1 | iptables.length 60 | iptables.tos 0 | iptables.ttl 64"
            "| iptables.flow_label 0"
        ),
    ),
    ("IPTABLES", _NETFILTER, _NETFILTER_FIELDS),
    (
        "IPTABLES",
        "IN= OUT=eth1 SRC=10.0.0.1 DST=1.2.3.4 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=UDP SPT=53 DPT=5353",
        fields(
            "observer.egress.interface.name eth1 | source.ip 10.0.0.1 | destination.ip 1.2.3.4 | iptables.length 60"
            "| iptables.tos 00 | iptables.precedence_bits 00 | iptables.ttl 64 | iptables.id 1 | network.transport UDP"
            "| source.port 53 | destination.port 5353"
        ),
    ),
    (
        "SHOREWALL",
        f"May 28 17:23:25 myHost kernel: [3124658.791874] Shorewall:net2fw:DROP:{_NETFILTER}",
        _NETFILTER_FIELDS
        | fields(
            "timestamp May 28 17:23:25 | observer.hostname myHost | shorewall.firewall.type net2fw"
            "| shorewall.firewall.action DROP"
        ),
    ),
    (
        "SFW2",
        f"Jan 29 00:00:28 suse kernel: [x] SFW2-INext-DROP-DEFLT {_NETFILTER}",
        _NETFILTER_FIELDS
        | fields(
            "timestamp Jan 29 00:00:28 | observer.hostname suse | suse.firewall.action DROP-DEFLT"
            "| suse.firewall.log_prefix SFW2-INext-DROP-DEFLT"
        ),
    ),
]

_NETSCREEN: list[Line] = [
    (
        "NETSCREENSESSIONLOG",
        "Jun  2 14:53:31 10.0.0.254 fw1: NetScreen device_id=fw1 [Root]system-notification-00257(traffic): "
        'start_time="2016-06-02 14:53:30" duration=1 policy_id=320 service=tcp/port:8443 proto=6 src zone=Trust '
        "dst zone=Untrust action=Permit sent=90 rcvd=78 src=10.0.0.1 dst=1.2.3.4 src_port=4040 dst_port=8443 "
        "src-xlated ip=10.0.1.1 port=1500 dst-xlated ip=1.2.3.5 port=443 session_id=5 reason=Close - TCP FIN",
        fields(
            "timestamp Jun  2 14:53:31 | observer.hostname 10.0.0.254 | observer.name fw1 | observer.product NetScreen"
            "| netscreen.device_id fw1 | event.code [Root]system-notification-00257 | netscreen.session.type traffic"
            "| netscreen.session.start_time 2016-06-02 14:53:30 | netscreen.session.duration 1"
            "| netscreen.policy_id 320 | netscreen.service tcp/port:8443 | netscreen.protocol_number 6"
            "| observer.ingress.zone Trust | observer.egress.zone Untrust | event.action Permit | source.bytes 90"
            "| destination.bytes 78 | source.address 10.0.0.1 | destination.address 1.2.3.4 | source.port 4040"
            "| destination.port 8443 | source.nat.ip 10.0.1.1 | source.nat.port 1500 | destination.nat.ip 1.2.3.5"
            "| destination.nat.port 443 | netscreen.session.id 5 | netscreen.session.reason Close - TCP FIN"
        ),
    ),
]

FIREWALL_LINES = [*_NETSCREEN, *_FIREWALLS, *CISCO_LINES]
