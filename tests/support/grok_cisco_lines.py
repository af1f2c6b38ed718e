"""Messages of Cisco's ASA, as grok_lines.py has lines of programs."""

from __future__ import annotations

from tests.support.grok_lines import Line, fields

_ENDS = "source.ip 10.0.0.1 | source.port 1025 | destination.ip 1.2.3.4 | destination.port 80 |"
_IN, _OUT = "observer.ingress.interface.name {} |", "observer.egress.interface.name {} |"


def _cisco(what: str = "", direction: str = "", transport: str = "", more: str = "") -> dict[str, str]:
    pairs = {
        "cisco.asa.outcome": what,
        "cisco.asa.network.direction": direction,
        "cisco.asa.network.transport": transport,
    }
    return {name: value for name, value in pairs.items() if value} | fields(more)


CISCO_LINES: list[Line] = [
    (
        "CISCO_TAGGED_SYSLOG",
        "<191>Jan 24 11:28:30 fw1 : %ASA-6-302013:",
        fields("log.syslog.priority 191 | timestamp Jan 24 11:28:30 | host.hostname fw1 | cisco.asa.tag ASA-6-302013"),
    ),
    ("CISCOFW104001", "(Secondary) Switching to ACTIVE - mate failed", {"event.reason": "mate failed"}),
    ("CISCOFW104002", "(Primary) Switching to STANDBY - set by user", {"event.reason": "set by user"}),
    ("CISCOFW104003", "(Primary) Switching to FAILED.", {}),
    ("CISCOFW104004", "(Primary) Switching to OK.", {}),
    ("CISCOFW105003", "(Primary) Monitoring on interface inside waiting", {"network.interface.name": "inside"}),
    ("CISCOFW105004", "(Primary) Monitoring on Interface inside normal", {"network.interface.name": "inside"}),
    (
        "CISCOFW105005",
        "(Primary) Lost Failover communications with mate on interface dmz",
        {"network.interface.name": "dmz"},
    ),
    ("CISCOFW105008", "(Primary) Testing Interface dmz", {"network.interface.name": "dmz"}),
    ("CISCOFW105009", "(Primary) Testing on interface dmz Passed", {"network.interface.name": "dmz"}),
    (
        "CISCOFW106001",
        "Inbound TCP connection denied from 10.0.0.1/1025 to 1.2.3.4/80 flags SYN ACK on interface outside",
        _cisco("denied", "Inbound", "TCP", f"{_ENDS} cisco.asa.tcp_flags SYN ACK | {_OUT.format('outside')}"),
    ),
    (
        "CISCOFW106006_106007_106010",
        "Deny inbound UDP from 10.0.0.1/1025 to 1.2.3.4/80 due to DNS Query",
        _cisco("Deny", "inbound", "UDP", f"{_ENDS} event.reason DNS Query"),
    ),
    (
        "CISCOFW106006_106007_106010",
        "Deny inbound UDP from 10.0.0.1/1025(joe) to 1.2.3.4/80(ann) on interface inside",
        _cisco(
            "Deny",
            "inbound",
            "UDP",
            f"{_ENDS} source.user.name joe | destination.user.name ann | {_OUT.format('inside')}",
        ),
    ),
    (
        "CISCOFW106014",
        "Deny inbound icmp src fw111:10.0.0.1 dst fw111:10.10.10.10(LOCAL\\joe) (type 0, code 1)",
        _cisco(
            "Deny",
            "inbound",
            "icmp",
            f"{_IN.format('fw111')} source.ip 10.0.0.1 | {_OUT.format('fw111')} destination.ip 10.10.10.10"
            "| destination.user.name LOCAL\\joe | cisco.asa.icmp_type 0 | cisco.asa.icmp_code 1",
        ),
    ),
    (
        "CISCOFW106015",
        "Deny TCP (no connection) from 10.0.0.1/1025 to 1.2.3.4/80 flags RST ACK  on interface outside",
        _cisco(
            "Deny",
            "",
            "TCP",
            f"cisco.asa.rule_name no connection | {_ENDS} cisco.asa.tcp_flags RST ACK | {_OUT.format('outside')}",
        ),
    ),
    (
        "CISCOFW106021",
        "Deny TCP reverse path check from 10.0.0.1 to 1.2.3.4 on interface fw111",
        _cisco("Deny", "", "TCP", f"source.ip 10.0.0.1 | destination.ip 1.2.3.4 | {_OUT.format('fw111')}"),
    ),
    (
        "CISCOFW106023",
        'Deny tcp src outside:10.0.0.1/1025 dst inside:1.2.3.4/80 by access-group "acl_out" [0x0, 0x0]',
        _cisco(
            "Deny", "", "tcp", f"{_IN.format('outside')} {_OUT.format('inside')} {_ENDS} cisco.asa.rule_name acl_out"
        ),
    ),
    (
        "CISCOFW106023",
        "Deny protocol icmp src outside:host.a dst inside:1.2.3.4(joe) (type 3, code 1) by access-group acl [0x0, 0x1]",
        _cisco(
            "Deny",
            "",
            "icmp",
            f"{_IN.format('outside')} {_OUT.format('inside')} source.address host.a | destination.ip 1.2.3.4"
            "| destination.user.name joe | cisco.asa.icmp_type 3 | cisco.asa.icmp_code 1 | cisco.asa.rule_name acl",
        ),
    ),
    (
        "CISCOFW106100_2_3",
        "access-list acl_in permitted tcp for user 'joe' inside/10.0.0.1(1025) -> outside/1.2.3.4(80) hit-cnt 1 "
        "first hit [0xc3f, 0x0]",
        _cisco(
            "permitted",
            "",
            "tcp",
            f"{_IN.format('inside')} {_OUT.format('outside')} {_ENDS} cisco.asa.rule_name acl_in | user.name joe"
            "| cisco.asa.hit_count 1",
        ),
    ),
    (
        "CISCOFW106100",
        "access-list inside permitted tcp inside/10.0.0.1(1025) -> outside/1.2.3.4(80)(ann) hit-cnt 2 300-second "
        "interval [0xc3f, 0x0]",
        _cisco(
            "permitted",
            "",
            "tcp",
            f"{_IN.format('inside')} {_OUT.format('outside')} {_ENDS} cisco.asa.rule_name inside"
            "| destination.user.name ann | cisco.asa.hit_count 2 | cisco.asa.interval 300",
        ),
    ),
    (
        "CISCOFW110002",
        "Failed to locate egress interface for UDP from outside:10.0.0.1/1025 to 1.2.3.4/80",
        _cisco("", "", "UDP", f"event.reason Failed to locate egress interface | {_IN.format('outside')} {_ENDS}"),
    ),
    (
        "CISCOFW302010",
        "12 in use, 400 most used",
        fields("cisco.asa.connections.in_use 12 | cisco.asa.connections.most_used 400"),
    ),
    (
        "CISCOFW302013_302014_302015_302016",
        "Built outbound TCP connection 447 for outside:1.2.3.4/80 (1.2.3.4/80) to inside:10.0.0.1/1025 (9.8.7.6/2)",
        _cisco(
            "Built",
            "outbound",
            "TCP",
            f"cisco.asa.connection_id 447 | {_IN.format('outside')} {_OUT.format('inside')} source.ip 1.2.3.4"
            "| source.port 80 | source.nat.ip 1.2.3.4 | source.nat.port 80 | destination.ip 10.0.0.1"
            "| destination.port 1025 | destination.nat.ip 9.8.7.6 | destination.nat.port 2",
        ),
    ),
    (
        "CISCOFW302013_302014_302015_302016",
        "Teardown TCP connection 447 for outside:10.0.0.1/1025 to inside:1.2.3.4/80 duration 0:00:01 bytes 245 "
        "TCP FINs (joe)",
        _cisco(
            "Teardown",
            "",
            "TCP",
            f"cisco.asa.connection_id 447 | {_IN.format('outside')} {_OUT.format('inside')} {_ENDS}"
            "cisco.asa.duration 0:00:01 | network.bytes 245 | event.reason TCP FINs | user.name joe",
        ),
    ),
    (
        "CISCOFW302020_302021",
        "Teardown ICMP connection for faddr 1.2.3.4/0 gaddr 9.8.7.6/8 laddr 10.0.0.1/0",
        _cisco(
            "Teardown",
            "",
            "ICMP",
            "destination.ip 1.2.3.4 | cisco.asa.icmp_seq 0 | source.nat.ip 9.8.7.6 | cisco.asa.icmp_type 8"
            "| source.ip 10.0.0.1",
        ),
    ),
    (
        "CISCOFW304001",
        "10.0.0.1(joe) Accessed URL 1.2.3.4:http://a.b/c d",
        fields("source.ip 10.0.0.1 | source.user.name joe | destination.ip 1.2.3.4 | url.original http://a.b/c d"),
    ),
    (
        "CISCOFW305011",
        "Built dynamic UDP translation from inside:10.0.0.1/1025 to outside:1.2.3.4/80",
        _cisco("Built", "", "UDP", f"{_IN.format('inside')} {_OUT.format('outside')} {_ENDS}"),
    ),
    (
        "CISCOFW313001_313004_313008",
        "Denied ICMP type=3, code=1 from 10.0.0.1 on interface outside to 1.2.3.4",
        _cisco(
            "Denied",
            "",
            "ICMP",
            f"cisco.asa.icmp_type 3 | cisco.asa.icmp_code 1 | source.ip 10.0.0.1 | {_OUT.format('outside')}"
            "destination.ip 1.2.3.4",
        ),
    ),
    (
        "CISCOFW321001",
        "Resource 'Conns' limit of 100 reached for system",
        fields("cisco.asa.resource.name Conns | cisco.asa.resource.limit 100"),
    ),
    (
        "CISCOFW419002",
        "Duplicate TCP SYN from inside:10.0.0.1/1025 to outside:1.2.3.4/80 with different initial sequence number",
        fields(f"event.reason Duplicate TCP SYN | {_IN.format('inside')} {_OUT.format('outside')} {_ENDS}"),
    ),
    (
        "CISCOFW419001",
        "Dropping TCP packet from inside:10.0.0.1/1025 to outside:1.2.3.4/80, reason: MSS exceeded, data 1500",
        _cisco(
            "Dropping",
            "",
            "TCP",
            f"event.reason MSS exceeded, data 1500 | {_IN.format('inside')} {_OUT.format('outside')} {_ENDS}",
        ),
    ),
    (
        "CISCOFW733100",
        "[ Scanning] drop rate-1 exceeded. Current burst rate is 8 per second, max configured rate is 10; Current "
        "average rate is 5 per second, max configured rate is 6; Cumulative total count is 38086",
        fields(
            "cisco.asa.burst.object Scanning | cisco.asa.burst.id rate-1 | cisco.asa.burst.current_rate 8"
            "| cisco.asa.burst.configured_rate 10 | cisco.asa.burst.avg_rate 5 | cisco.asa.burst.configured_avg_rate 6"
            "| cisco.asa.burst.cumulative_count 38086"
        ),
    ),
    (
        "CISCO_HITCOUNT_INTERVAL",
        "hit-cnt 3 300-second interval",
        fields("cisco.asa.hit_count 3 | cisco.asa.interval 300"),
    ),
    (
        "CISCO_SRC_IP_USER",
        "inside:10.0.0.1(joe)",
        fields("observer.ingress.interface.name inside | source.ip 10.0.0.1 | source.user.name joe"),
    ),
    (
        "CISCO_DST_IP_USER",
        "outside:1.2.3.4",
        fields("observer.egress.interface.name outside | destination.ip 1.2.3.4"),
    ),
    (
        "CISCO_SRC_HOST_PORT_USER",
        "inside:host.a/80",
        fields("observer.ingress.interface.name inside | source.address host.a | source.port 80"),
    ),
    (
        "CISCO_DST_HOST_PORT_USER",
        "outside:1.2.3.4/80(ann)",
        fields(
            "observer.egress.interface.name outside | destination.ip 1.2.3.4 | destination.port 80"
            "| destination.user.name ann"
        ),
    ),
    (
        "CISCOFW500004",
        "Invalid transport field for protocol=UDP, from 10.0.0.1/1025 to 1.2.3.4/80",
        _cisco("", "", "UDP", f"event.reason Invalid transport field | {_ENDS}"),
    ),
    (
        "CISCOFW710001_710002_710003_710005_710006",
        "UDP request discarded from 10.0.0.1/1025 to outside:1.2.3.4/80",
        _cisco("discarded", "", "UDP", f"{_ENDS} {_OUT.format('outside')}"),
    ),
    (
        "CISCOFW313005",
        "No matching connection for ICMP error message: icmp src outside:10.0.0.1 dst inside:1.2.3.4 (type 3, code 1) "
        "on outside interface.  Original IP payload: udp src 1.2.3.4/53 dst 10.0.0.1/1025",
        _cisco(
            "",
            "",
            "ICMP",
            "event.reason No matching connection | observer.ingress.interface.name outside | source.ip 10.0.0.1"
            "| observer.egress.interface.name inside | destination.ip 1.2.3.4 | cisco.asa.icmp_type 3"
            "| cisco.asa.icmp_code 1 | cisco.asa.original_ip_payload.network.transport udp"
            "| cisco.asa.original_ip_payload.source.ip 1.2.3.4 | cisco.asa.original_ip_payload.source.port 53"
            "| cisco.asa.original_ip_payload.destination.ip 10.0.0.1"
            "| cisco.asa.original_ip_payload.destination.port 1025",
        ),
    ),
    (
        "CISCOFW402117",
        "IPSEC: Received a non-IPSec packet (protocol= UDP) from 10.0.0.1 to 1.2.3.4.",
        _cisco("", "", "UDP", "network.type IPSEC | source.ip 10.0.0.1 | destination.ip 1.2.3.4"),
    ),
    (
        "CISCOFW402119",
        "IPSEC: Received an ESP packet (SPI= 0x1B86506B, sequence number= 0x28B) from 10.0.0.1 (user= bob) to 1.2.3.4 "
        "that failed anti-replay checking",
        fields(
            "network.type IPSEC | cisco.asa.ipsec.protocol ESP | cisco.asa.ipsec.spi 0x1B86506B"
            "| cisco.asa.ipsec.seq_num 0x28B | source.ip 10.0.0.1 | source.user.name bob | destination.ip 1.2.3.4"
        ),
    ),
    (
        "CISCOFW602303_602304",
        "IPSEC: An outbound LAN-to-LAN SA (SPI= 0xF81283) between 10.0.0.1 and 1.2.3.4 (user= bob) has been created",
        _cisco(
            "created",
            "outbound",
            "",
            "network.type IPSEC | cisco.asa.ipsec.tunnel_type LAN-to-LAN | cisco.asa.ipsec.spi 0xF81283"
            "| source.ip 10.0.0.1 | destination.ip 1.2.3.4 | source.user.name bob",
        ),
    ),
    (
        "CISCOFW713172",
        "Group = staff, IP = 10.0.0.1, Automatic NAT Detection Status:     Remote end   is NOT behind a NAT device     "
        "This   end is behind a NAT device",
        fields(
            "cisco.asa.source.group staff | source.ip 10.0.0.1 | cisco.asa.ipsec.remote_nat is NOT"
            "| cisco.asa.ipsec.own_nat is"
        ),
    ),
]
