r"""The lines of firewalls, as grok patterns by name, with the fields that Logstash gives them: Juniper's RT_FLOW, the
Linux kernel's packet filter as iptables, Shorewall and SuSEfirewall2 log it, and Cisco's ASA.
"""

from __future__ import annotations

from collections.abc import Mapping


def _socket(side: str) -> str:
    """address/port"""
    return f"%{{IP:{side}.ip}}/%{{INT:{side}.port:int}}"


_FLOW = (
    f"{_socket('source')}->{_socket('destination')} %{{NOTSPACE:juniper.srx.service_name}}"
    f" {_socket('source.nat')}->{_socket('destination.nat')} (?:None|%{{NOTSPACE:juniper.srx.src_nat_rule_name}})"
    r" (?:None|%{NOTSPACE:juniper.srx.dst_nat_rule_name})"
)
_ZONES = r"%{NOTSPACE:rule.name} %{NOTSPACE:observer.ingress.zone} %{NOTSPACE:observer.egress.zone}"

_FIREWALLS = {
    "NETSCREENSESSIONLOG": (
        r"%{SYSLOGTIMESTAMP:timestamp} %{IPORHOST:observer.hostname} %{NOTSPACE:observer.name}:"
        r" (?<observer.product>NetScreen) device_id=%{NOTSPACE:netscreen.device_id}\s*"
        r"(?<event.code>\[\S+\]\S+)\(%{WORD:netscreen.session.type}\):"
        r' start_time="(?<netscreen.session.start_time>[^"]*)" duration=%{INT:netscreen.session.duration:int}'
        r" policy_id=%{INT:netscreen.policy_id} service=(?<netscreen.service>.*?)"
        r" proto=%{INT:netscreen.protocol_number:int} src zone=%{NOTSPACE:observer.ingress.zone}"
        r" dst zone=%{NOTSPACE:observer.egress.zone} action=%{WORD:event.action} sent=%{INT:source.bytes:int}"
        r" rcvd=%{INT:destination.bytes:int} src=%{IPORHOST:source.address} dst=%{IPORHOST:destination.address}"
        r"(?: src_port=%{INT:source.port:int} dst_port=%{INT:destination.port:int})?"
        r"(?: src-xlated ip=%{IP:source.nat.ip} port=%{INT:source.nat.port:int}"
        r" dst-xlated ip=%{IP:destination.nat.ip} port=%{INT:destination.nat.port:int})?"
        r"(?: session_id=%{INT:netscreen.session.id} reason=(?<netscreen.session.reason>.*))?"
    ),
    #: Its name before fields were those of the common schema.
    "RT_FLOW_EVENT": "%{RT_FLOW_TAG}",
    "RT_FLOW_TAG": "RT_FLOW_SESSION_(?:CREATE|CLOSE|DENY)",
    "RT_FLOW1": (
        rf"%{{RT_FLOW_TAG:juniper.srx.tag}}: (?<juniper.srx.reason>.*): {_FLOW} %{{INT:network.iana_number}} {_ZONES}"
        r" %{INT:juniper.srx.session_id} \d+\(%{INT:source.bytes:int}\) \d+\(%{INT:destination.bytes:int}\)"
        " %{INT:juniper.srx.elapsed_time:int} .*"
    ),
    "RT_FLOW2": (
        f"%{{RT_FLOW_TAG:juniper.srx.tag}}: session created {_FLOW} %{{INT:network.iana_number}} {_ZONES}"
        " %{INT:juniper.srx.session_id} .*"
    ),
    "RT_FLOW3": (
        f"%{{RT_FLOW_TAG:juniper.srx.tag}}: session denied {_socket('source')}->{_socket('destination')}"
        rf" %{{NOTSPACE:juniper.srx.service_name}} %{{INT:network.iana_number}}\(\d\) {_ZONES} .*"
    ),
    "IPTABLES_TCP_FLAGS": "(?:(?:CWR|ECE|URG|ACK|PSH|RST|SYN|FIN) )*",
    "IPTABLES_TCP_PART": (
        r"(?:SEQ=%{INT:iptables.tcp.seq:int}\s+)?(?:ACK=%{INT:iptables.tcp.ack:int}\s+)?"
        r"WINDOW=%{INT:iptables.tcp.window:int}\s+RES=0x%{BASE16NUM:iptables.tcp_reserved_bits}\s+"
        "%{IPTABLES_TCP_FLAGS:iptables.tcp.flags}"
    ),
    "IPTABLES4_PART": (
        r"SRC=%{IPV4:source.ip}\s+DST=%{IPV4:destination.ip}\s+LEN=%{INT:iptables.length:int}?\s+"
        r"TOS=(?:0x%{BASE16NUM:iptables.tos}|0)?\s+PREC=(?:0x%{BASE16NUM:iptables.precedence_bits})?\s+"
        r"TTL=%{INT:iptables.ttl:int}?\s+ID=%{INT:iptables.id}?"
        r"(?:\s+(?<iptables.fragment_flags>(?:CE|DF|MF)(?: (?:CE|DF|MF))*))?"
        r"(?:\s+FRAG: ?%{INT:iptables.fragment_offset:int})?"
    ),
    "IPTABLES6_PART": (
        r"SRC=%{IPV6:source.ip}\s+DST=%{IPV6:destination.ip}\s+LEN=%{INT:iptables.length:int}?\s+"
        r"TC=(?:0x%{BASE16NUM:iptables.tos}|%{BASE16NUM:iptables.tos})?\s+HOPLIMIT=%{INT:iptables.ttl:int}?\s+"
        "FLOWLBL=%{INT:iptables.flow_label}?"
    ),
    "IPTABLES": (
        r"IN=%{NOTSPACE:observer.ingress.interface.name}?\s+OUT=%{NOTSPACE:observer.egress.interface.name}?\s+"
        r"(?:MAC=(?:%{COMMONMAC:destination.mac})?(?::%{COMMONMAC:source.mac})?(?::[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2})?\s+)?"
        r"(?:%{IPTABLES4_PART}|%{IPTABLES6_PART}).*?PROTO=%{WORD:network.transport}?\s+SPT=%{INT:source.port:int}?\s+"
        r"DPT=%{INT:destination.port:int}?(?:\s+%{IPTABLES_TCP_PART})?"
    ),
    "SFW2_LOG_PREFIX": "SFW2-INext-%{NOTSPACE:suse.firewall.action}",
    "SFW2": (
        r"(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp})\s*%{HOSTNAME:observer.hostname}.*?"
        r"%{SFW2_LOG_PREFIX:suse.firewall.log_prefix}\s*%{IPTABLES}"
    ),
    "SHOREWALL": (
        "%{SYSLOGTIMESTAMP:timestamp} %{NOTSPACE:observer.hostname} .*Shorewall:%{WORD:shorewall.firewall.type}?:"
        "%{WORD:shorewall.firewall.action}?.*%{IPTABLES}"
    ),
}


def _cisco() -> Mapping[str, str]:
    """The ASA's messages by number, as Cisco's guide to them says."""
    deed, way = "%{CISCO_ACTION:cisco.asa.outcome}", "%{CISCO_DIRECTION:cisco.asa.network.direction}"
    transport = "%{WORD:cisco.asa.network.transport}"
    source, destination = _socket("source"), _socket("destination")
    inside, outside = r"(?<observer.ingress.interface.name>[^\s:/]+)", r"(?<observer.egress.interface.name>[^\s:/]+)"
    users = {side: rf"(?:\((?<{side}.user.name>[^)]*)\))?" for side in ("source", "destination")}
    nat = {side: rf"(?: ?\({_socket(f'{side}.nat')}\))?" for side in ("source", "destination")}
    ends = {
        side: rf"(?:%{{IP:{side}.ip}}|%{{HOSTNAME:{side}.address}})(?:/%{{INT:{side}.port:int}})?{users[side]}"
        for side in ("source", "destination")
    }
    icmp = r"\(type %{INT:cisco.asa.icmp_type:int}, code %{INT:cisco.asa.icmp_code:int}\)"
    security = r"\(SPI= ?(?<cisco.asa.ipsec.spi>0x\w+)\)"
    unit, hashes = r"\((?:Primary|Secondary)\)", r"\[[^\],]*, [^\]]*\]"
    return {
        "CISCOTIMESTAMP": "%{MONTH} +%{MONTHDAY}(?: %{YEAR})? %{TIME}",
        "CISCOTAG": r"[A-Z0-9]+-\d+-[A-Z0-9_]+",
        "CISCO_TAGGED_SYSLOG": (
            "^<%{POSINT:log.syslog.priority:int}>%{CISCOTIMESTAMP:timestamp}(?: %{SYSLOGHOST:host.hostname})? ?: "
            "%%{CISCOTAG:cisco.asa.tag}:"
        ),
        "CISCO_ACTION": (
            "(?:Built|Teardown|Denied|Deny|denied by ACL|denied|requested|permitted|discarded|est-allowed|Dropping"
            "|created|deleted)"
        ),
        "CISCO_REASON": r"\w+(?:\s+\w+)*",
        "CISCO_DIRECTION": "(?:[Ii]nbound|[Oo]utbound)",
        "CISCO_INTERVAL": r"(?:first hit|\d+-second interval)",
        "CISCO_XLATE_TYPE": "(?:static|dynamic)",
        "CISCO_HITCOUNT_INTERVAL": (
            "hit-cnt %{INT:cisco.asa.hit_count:int} (?:first hit|%{INT:cisco.asa.interval:int}-second interval)"
        ),
        "CISCO_SRC_IP_USER": f"{inside}:%{{IP:source.ip}}{users['source']}",
        "CISCO_DST_IP_USER": f"{outside}:%{{IP:destination.ip}}{users['destination']}",
        "CISCO_SRC_HOST_PORT_USER": f"{inside}:{ends['source']}",
        "CISCO_DST_HOST_PORT_USER": f"{outside}:{ends['destination']}",
        "CISCOFW104001": rf"{unit} Switching to ACTIVE - %{{GREEDYDATA:event.reason}}",
        "CISCOFW104002": rf"{unit} Switching to STANDBY - %{{GREEDYDATA:event.reason}}",
        "CISCOFW104003": rf"{unit} Switching to FAILED\.",
        "CISCOFW104004": rf"{unit} Switching to OK\.",
        **{
            f"CISCOFW10500{number}": rf"{unit} {what} [Ii]nterface %{{NOTSPACE:network.interface.name}}{result}"
            for number, what, result in (
                (3, "Monitoring on", " waiting"),
                (4, "Monitoring on", " normal"),
                (5, "Lost Failover communications with mate on", ""),
                (8, "Testing", ""),
                (9, "Testing on", " (?:Passed|Failed)"),
            )
        },
        "CISCOFW106001": (
            f"{way} {transport} connection {deed} from {source} to {destination} flags (?<cisco.asa.tcp_flags>.*?) on"
            " interface %{NOTSPACE:observer.egress.interface.name}"
        ),
        "CISCOFW106006_106007_106010": (
            f"{deed} {way} {transport} (?:from|src) {source}{users['source']} (?:to|dst) {destination}"
            f"{users['destination']} (?:on interface %{{NOTSPACE:observer.egress.interface.name}}"
            "|due to %{CISCO_REASON:event.reason})"
        ),
        "CISCOFW106014": (
            f"{deed} {way} {transport} src {inside}:%{{IP:source.ip}}{users['source']} dst {outside}:"
            rf"%{{IP:destination.ip}}{users['destination']}\s?{icmp}"
        ),
        "CISCOFW106015": (
            rf"{deed} {transport} \((?<cisco.asa.rule_name>[^)]*)\) from {source} to {destination} flags "
            r"(?<cisco.asa.tcp_flags>.*?) +on interface %{NOTSPACE:observer.egress.interface.name}"
        ),
        "CISCOFW106021": (
            f"{deed} {transport} reverse path check from %{{IP:source.ip}} to %{{IP:destination.ip}} on interface"
            " %{NOTSPACE:observer.egress.interface.name}"
        ),
        "CISCOFW106023": (
            f"{deed}(?: protocol)? {transport} src {inside}:{ends['source']} dst {outside}:{ends['destination']}"
            rf'(?: {icmp})? by access-group "?(?<cisco.asa.rule_name>[^"\s]+)"? {hashes}'
        ),
        "CISCOFW106100": (
            rf"access-list %{{NOTSPACE:cisco.asa.rule_name}} {deed} {transport} {inside}/%{{IP:source.ip}}"
            rf"\(%{{INT:source.port:int}}\){users['source']} -> {outside}/%{{IP:destination.ip}}"
            rf"\(%{{INT:destination.port:int}}\){users['destination']} %{{CISCO_HITCOUNT_INTERVAL}} {hashes}"
        ),
        "CISCOFW106100_2_3": (
            rf"access-list %{{NOTSPACE:cisco.asa.rule_name}} {deed} {transport} for user '(?<user.name>[^']*)'"
            rf" {inside}/%{{IP:source.ip}}\(%{{INT:source.port:int}}\) -> {outside}/%{{IP:destination.ip}}"
            rf"\(%{{INT:destination.port:int}}\) %{{CISCO_HITCOUNT_INTERVAL}} {hashes}"
        ),
        "CISCOFW110002": f"%{{CISCO_REASON:event.reason}} for {transport} from {inside}:{source} to {destination}",
        "CISCOFW304001": (
            f"%{{IP:source.ip}}{users['source']} Accessed URL %{{IP:destination.ip}}:%{{GREEDYDATA:url.original}}"
        ),
        "CISCOFW321001": (
            "Resource '(?<cisco.asa.resource.name>[^']*)' limit of %{POSINT:cisco.asa.resource.limit:int} reached for"
            " system"
        ),
        "CISCOFW419002": (
            f"%{{CISCO_REASON:event.reason}} from {inside}:{source} to {outside}:{destination} with different initial"
            " sequence number"
        ),
        "CISCOFW419001": (
            f"{deed} {transport} packet from {inside}:{source} to {outside}:{destination},"
            " reason: %{GREEDYDATA:event.reason}"
        ),
        "CISCOFW733100": (
            r"\[\s*(?<cisco.asa.burst.object>.*?)\s*\] drop (?<cisco.asa.burst.id>\S+) exceeded\."
            " Current burst rate is %{INT:cisco.asa.burst.current_rate:int} per second,"
            " max configured rate is %{INT:cisco.asa.burst.configured_rate:int};"
            " Current average rate is %{INT:cisco.asa.burst.avg_rate:int} per second,"
            " max configured rate is %{INT:cisco.asa.burst.configured_avg_rate:int};"
            " Cumulative total count is %{INT:cisco.asa.burst.cumulative_count:int}"
        ),
        "CISCOFW500004": (rf"%{{CISCO_REASON:event.reason}} for protocol={transport}, from {source} to {destination}"),
        "CISCOFW302010": (
            "%{INT:cisco.asa.connections.in_use:int} in use, %{INT:cisco.asa.connections.most_used:int} most used"
        ),
        "CISCOFW302013_302014_302015_302016": (
            f"{deed}(?: {way})? {transport} connection %{{INT:cisco.asa.connection_id}} for {inside}:{source}"
            f"{nat['source']}{users['source']} to {outside}:{destination}{nat['destination']}{users['destination']}"
            "(?: duration %{TIME:cisco.asa.duration} bytes %{INT:network.bytes:int})?"
            r"(?: %{CISCO_REASON:event.reason})?(?: \(%{DATA:user.name}\))?"
        ),
        "CISCOFW302020_302021": (
            f"{deed}(?: {way})? {transport} connection for faddr %{{IP:destination.ip}}/%{{INT:cisco.asa.icmp_seq:int}}"
            rf"{users['destination']} gaddr %{{IP:source.nat.ip}}/%{{INT:cisco.asa.icmp_type:int}} laddr"
            rf" %{{IP:source.ip}}/\d+(?: ?\((?<source.user.name>[^)]*)\))?"
        ),
        "CISCOFW305011": (
            f"{deed} %{{CISCO_XLATE_TYPE}} {transport} translation from {inside}:%{{IP:source.ip}}"
            f"(?:/%{{INT:source.port:int}})?{users['source']} to {outside}:{destination}"
        ),
        "CISCOFW313001_313004_313008": (
            f"{deed} {transport} type=%{{INT:cisco.asa.icmp_type:int}}, code=%{{INT:cisco.asa.icmp_code:int}} from"
            " %{IP:source.ip} on interface %{NOTSPACE:observer.egress.interface.name}(?: to %{IP:destination.ip})?"
        ),
        "CISCOFW313005": (
            rf"%{{CISCO_REASON:event.reason}} for {transport} error message: %{{WORD}} src {inside}:{ends['source']}"
            rf" dst {outside}:{ends['destination']} {icmp} on %{{NOTSPACE}} interface\."
            r"\s+Original IP payload: (?<cisco.asa.original_ip_payload.network.transport>\w+)"
            " src %{IP:cisco.asa.original_ip_payload.source.ip}"
            r"(?:/%{INT:cisco.asa.original_ip_payload.source.port:int})?"
            " dst %{IP:cisco.asa.original_ip_payload.destination.ip}"
            r"(?:/%{INT:cisco.asa.original_ip_payload.destination.port:int})?"
        ),
        "CISCOFW402117": (
            r"(?<network.type>IPSEC): Received a non-IPSec packet"
            r" \(protocol= ?%{NOTSPACE:cisco.asa.network.transport}\) from %{IP:source.ip} to %{IP:destination.ip}\."
        ),
        "CISCOFW402119": (
            rf"(?<network.type>IPSEC): Received an %{{WORD:cisco.asa.ipsec.protocol}} packet {security[:-2]},"
            r" sequence number= ?(?<cisco.asa.ipsec.seq_num>\w+)\) from %{IP:source.ip}"
            r" \(user= ?(?<source.user.name>[^)]*)\) to %{IP:destination.ip} that failed anti-replay checking"
        ),
        "CISCOFW602303_602304": (
            r"(?<network.type>IPSEC): An? %{CISCO_DIRECTION:cisco.asa.network.direction}"
            rf" (?<cisco.asa.ipsec.tunnel_type>\S+) SA {security} between %{{IP:source.ip}} and %{{IP:destination.ip}}"
            rf" \(user= ?(?<source.user.name>[^)]*)\) has been {deed}"
        ),
        "CISCOFW713172": (
            "Group = (?<cisco.asa.source.group>[^,]+), IP = %{IP:source.ip},"
            r" Automatic NAT Detection Status:\s+Remote end\s+%{DATA:cisco.asa.ipsec.remote_nat}\s+behind a NAT device"
            r"\s+This\s+end\s+%{DATA:cisco.asa.ipsec.own_nat}\s+behind a NAT device"
        ),
        "CISCOFW710001_710002_710003_710005_710006": (
            f"{transport} (?:request|access) {deed} from {source} to {outside}:{destination}"
        ),
    }


FIREWALLS: Mapping[str, str] = {**_FIREWALLS, **_cisco()}
