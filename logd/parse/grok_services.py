r"""The lines of proxies, clouds, name and mail servers and monitors, as grok patterns by name, with the fields that
Logstash gives them.
"""

from __future__ import annotations

from collections.abc import Mapping

from logd.parse.grok_columns import columns

_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'
_AGENT = rf'"(?:-|(?<user_agent.original>{_QUOTED}))"'
_REFERRER = rf'"(?:-|(?<http.request.referrer>{_QUOTED}))"'
_ENDED_HTTP = "(?: HTTP/%{NUMBER:http.version})?"


_MOMENT = "(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp})"
_COUNTS = "/".join(
    f"%{{INT:haproxy.connections.{kind}:int}}" for kind in ("active", "frontend", "backend", "server", "retries")
)
_QUEUES = "%{INT:haproxy.server_queue:int}/%{INT:haproxy.backend_queue:int}"
_ACCEPTED = (
    r"%{IP:source.address}:%{INT:source.port:int} \[%{HAPROXYDATE:haproxy.request_date}\]"
    r" %{NOTSPACE:haproxy.frontend_name} (?<haproxy.backend_name>[^\s/]+)/(?:<NOSRV>|%{NOTSPACE:haproxy.server_name})"
)


def _waits(*names: str) -> str:
    """Milliseconds with slashes between; -1 where the connection ended before."""
    return "/".join(f"(?:-1|%{{INT:haproxy.{name}:int}})" for name in names) + "/%{NOTSPACE:haproxy.total_time_ms}"


_HAPROXY_HTTP_WAITS = _waits(
    "http.request.time_wait_ms",
    "total_waiting_time_ms",
    "connection_wait_time_ms",
    "http.request.time_wait_without_data_ms",
)

_PROXIES = {
    "HAPROXYTIME": "%{TIME}",
    "HAPROXYDATE": r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{HOUR}:%{MINUTE}:[0-6]\d\.\d+",
    #: To be defined anew where haproxy.cfg captures headers by name.
    "HAPROXYCAPTUREDREQUESTHEADERS": r"(?<haproxy.http.request.captured_headers>[^}]*)",
    "HAPROXYCAPTUREDRESPONSEHEADERS": r"(?<haproxy.http.response.captured_headers>[^}]*)",
    "HAPROXYURI": (
        r"(?:%{URIPROTO:url.scheme}://)?(?:%{USER:url.username}(?::[^@\s]*)?@)?"
        r"(?:%{IPORHOST:url.domain}(?::%{POSINT:url.port:int})?)?(?:%{URIPATH:url.path}(?:\?%{URIQUERY:url.query})?)?"
    ),
    "HAPROXYHTTPREQUESTLINE": (f"(?:<BADREQ>|%{{WORD:http.request.method}} %{{HAPROXYURI:url.original}}{_ENDED_HTTP})"),
    "HAPROXYHTTPBASE": (
        f"{_ACCEPTED} {_HAPROXY_HTTP_WAITS} %{{INT:http.response.status_code:int}} %{{INT:source.bytes:int}}"
        r" (?:-|(?<haproxy.http.request.captured_cookie>\S+)) (?:-|(?<haproxy.http.response.captured_cookie>\S+))"
        f" %{{NOTSPACE:haproxy.termination_state}} {_COUNTS} {_QUEUES}"
        r"(?: \{%{HAPROXYCAPTUREDREQUESTHEADERS}\}(?: \{%{HAPROXYCAPTUREDRESPONSEHEADERS}\})?)?"
        '(?: "%{HAPROXYHTTPREQUESTLINE}"?)?'
    ),
    "HAPROXYHTTP": f"{_MOMENT} %{{SYSLOGHOST:host.hostname}} %{{SYSLOGPROG}}: %{{HAPROXYHTTPBASE}}",
    "HAPROXYTCP": (
        f"{_MOMENT} %{{SYSLOGHOST:host.hostname}} %{{SYSLOGPROG}}: {_ACCEPTED}"
        f" {_waits('total_waiting_time_ms', 'connection_wait_time_ms')} %{{INT:source.bytes:int}}"
        f" %{{NOTSPACE:haproxy.termination_state}} {_COUNTS} {_QUEUES}"
    ),
    "SQUID3_STATUS": r"(?:%{POSINT:http.response.status_code:int}|0+)",
    "SQUID3": (
        r"%{NUMBER:timestamp}\s+%{NUMBER:squid.request.duration:int}\s%{IP:source.ip}\s%{WORD:event.action}"
        r"/%{SQUID3_STATUS}\s%{INT:http.response.bytes:int}\s%{WORD:http.request.method}\s%{NOTSPACE:url.original}"
        r"\s(?:-|%{NOTSPACE:user.name})\s%{WORD:squid.hierarchy_code}/(?:-|%{IPORHOST:destination.address})"
        r"\s(?:-|%{NOTSPACE:http.response.mime_type})"
    ),
}

_CLOUDS = {
    "S3_REQUEST_LINE": f"%{{WORD:http.request.method}} %{{NOTSPACE:url.original}}{_ENDED_HTTP}",
    "S3_ACCESS_LOG": columns(
        " ",
        "aws.s3access.bucket_owner:WORD",
        "aws.s3access.bucket:NOTSPACE",
        r"\[%{HTTPDATE:timestamp}\]",
        "client.ip:IP?",
        "client.user.id:NOTSPACE?",
        "aws.s3access.request_id:NOTSPACE",
        "aws.s3access.operation:NOTSPACE",
        "aws.s3access.key:NOTSPACE?",
        '"%{S3_REQUEST_LINE:aws.s3access.request_uri}"?',
        "http.response.status_code:INT:int?",
        "aws.s3access.error_code:NOTSPACE?",
        "aws.s3access.bytes_sent:INT:int?",
        "aws.s3access.object_size:INT:int?",
        "aws.s3access.total_time:INT:int?",
        "aws.s3access.turn_around_time:INT:int?",
        _REFERRER,
        _AGENT,
        "aws.s3access.version_id:NOTSPACE?",
    )
    + "(?: "
    + columns(
        " ",
        "aws.s3access.host_id:NOTSPACE?",
        "aws.s3access.signature_version:NOTSPACE?",
        "tls.cipher:NOTSPACE?",
        "aws.s3access.authentication_type:NOTSPACE?",
        "aws.s3access.host_header:NOTSPACE?",
        "aws.s3access.tls_version:NOTSPACE?",
    )
    + ")?",
    "ELB_URIHOST": "%{IPORHOST:url.domain}(?::%{POSINT:url.port:int})?",
    "ELB_URIPATHQUERY": r"%{URIPATH:url.path}(?:\?%{URIQUERY:url.query})?",
    "ELB_URIPATHPARAM": "%{ELB_URIPATHQUERY}",
    "ELB_URI": (
        r"%{URIPROTO:url.scheme}://(?:%{USER:url.username}(?::[^@\s]*)?@)?(?:%{ELB_URIHOST})?(?:%{ELB_URIPATHQUERY})?"
    ),
    "ELB_REQUEST_LINE": f"%{{WORD:http.request.method}} %{{ELB_URI:url.original}}{_ENDED_HTTP}",
    "ELB_V1_HTTP_LOG": columns(
        " ",
        "timestamp:TIMESTAMP_ISO8601",
        "aws.elb.name:NOTSPACE",
        "%{IP:source.ip}:%{INT:source.port:int}",
        "%{IP:aws.elb.backend.ip}:%{INT:aws.elb.backend.port:int}?",
        *(
            f"(?:-1|%{{NUMBER:aws.elb.{step}_processing_time.sec:float}})"
            for step in ("request", "backend", "response")
        ),
        "http.response.status_code:INT:int",
        "aws.elb.backend.http.response.status_code:INT:int?",
        "http.request.body.bytes:INT:int",
        "http.response.body.bytes:INT:int",
        '"%{ELB_REQUEST_LINE}"',
    )
    + f"(?: {_AGENT} {columns(' ', 'tls.cipher:NOTSPACE?', 'aws.elb.ssl_protocol:NOTSPACE?')})?",
    "ELB_ACCESS_LOG": "%{ELB_V1_HTTP_LOG}",
    #: The standard log of a distribution: 26 columns, since 2019 33.
    "CLOUDFRONT_ACCESS_LOG": columns(
        r"\t",
        r"(?<timestamp>%{YEAR}-%{MONTHNUM}-%{MONTHDAY}\t%{TIME})",
        "aws.cloudfront.x_edge_location:NOTSPACE",
        "destination.bytes:INT:int?",
        "source.ip:IPORHOST",
        "http.request.method:WORD",
        "url.domain:HOSTNAME",
        "url.path:NOTSPACE",
        "(?:000|%{INT:http.response.status_code:int})",
        r"(?<http.request.referrer>[^\t]*)?",
        r"(?<user_agent.original>[^\t]*)",
        r"(?<url.query>[^\t]*)?",
        r"(?<aws.cloudfront.http.request.cookie>[^\t]*)?",
        "aws.cloudfront.x_edge_result_type:WORD",
        "aws.cloudfront.x_edge_request_id:NOTSPACE",
        "aws.cloudfront.http.request.host:HOSTNAME",
        "network.protocol:URIPROTO",
        "source.bytes:INT:int?",
        "aws.cloudfront.time_taken:NUMBER:float",
        "network.forwarded_ip:IP?",
        "aws.cloudfront.ssl_protocol:NOTSPACE?",
        "tls.cipher:NOTSPACE?",
        "aws.cloudfront.x_edge_response_result_type:WORD",
    )
    + r"(?:\t"
    + columns(
        r"\t",
        "HTTP/%{NUMBER:http.version}?",
        "aws.cloudfront.fle_status:NOTSPACE?",
        "aws.cloudfront.fle_encrypted_fields:NOTSPACE?",
        "source.port:INT:int",
        "aws.cloudfront.time_to_first_byte:NUMBER:float",
        "aws.cloudfront.x_edge_detailed_result_type:NOTSPACE?",
        "http.request.mime_type:NOTSPACE?",
        "aws.cloudfront.http.request.size:INT:int?",
        "aws.cloudfront.http.request.range.start:INT:int?",
        "aws.cloudfront.http.request.range.end:INT:int?",
    )
    + ")?",
}

_NAMES_AND_MAIL = {
    "BIND9_TIMESTAMP": "%{MONTHDAY}-%{MONTH}-%{YEAR} %{TIME}",
    #: The types of RFC 1035 and after are capitals and digits.
    "BIND9_DNSTYPE": r"[A-Z][A-Z0-9]*",
    "BIND9_CATEGORY": "queries",
    "BIND9_QUERYLOGBASE": (
        r"client(?: @0x[0-9A-Fa-f]+)? %{IP:client.ip}#%{POSINT:client.port:int} \((?<bind.log.question.name>[^)]*)\):"
        r" query: (?<dns.question.name>\S+) (?<dns.question.class>IN) %{BIND9_DNSTYPE:dns.question.type}"
        r"(?: (?<bind.log.question.flags>\S+))? \(%{IP:server.ip}\)"
    ),
    "BIND9_QUERYLOG": (
        "%{BIND9_TIMESTAMP:timestamp} %{BIND9_CATEGORY:bind.log.category}: %{LOGLEVEL:log.level}: %{BIND9_QUERYLOGBASE}"
    ),
    "BIND9": "%{BIND9_QUERYLOG}",
    #: Of lines that aren't about a message's way.
    "EXIM_EXCLUDE_TERMS": (
        "(?:Message is frozen|(?:Start|End) queue run| Warning: | retry time not reached"
        "| no (?:IP address|host name) found for (?:IP address|host)"
        "| unexpected disconnection while reading SMTP command| no immediate delivery: "
        "|another process is handling this message)"
    ),
    "EXIM_MSGID": r"[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}",
    "EXIM_FLAGS": r"(?:<=|=>|->|\*>|\*\*|==|<>|>>)",
    "EXIM_DATE": "%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{TIME}",
    "EXIM_PID": r"\[%{POSINT:process.pid:int}\]",
    #: A time in the queue: 1d2h3m4s.
    "EXIM_QT": r"(?:\d+[ywdhms])*",
    "EXIM_REMOTE_HOST": (
        r"H=(?:(?<source.address>[^\s(]\S*) )?(?:\((?<exim.log.remote_address>[^)\s]+)\) )?"
        r"\[%{IP:source.ip}\](?::%{POSINT:source.port:int})?"
    ),
    "EXIM_INTERFACE": r"I=\[%{IP:destination.ip}\]:%{INT:destination.port:int}",
    "EXIM_PROTOCOL": "P=%{NOTSPACE:network.protocol}",
    "EXIM_MSG_SIZE": "S=%{INT:exim.log.message.size:int}",
    "EXIM_HEADER_ID": "id=%{NOTSPACE:exim.log.header_id}",
    "EXIM_SUBJECT": f'T="(?<exim.log.message.subject>{_QUOTED})"',
    "EXIM_QUOTED_CONTENT": _QUOTED,
    "EXIM_UNKNOWN_FIELD": r"[0-9A-Za-z]{1,4}=(?:%{QUOTEDSTRING}|\S+)",
    "EXIM_NAMED_FIELDS": (
        "(?: (?:%{EXIM_REMOTE_HOST}|%{EXIM_INTERFACE}|%{EXIM_PROTOCOL}|%{EXIM_MSG_SIZE}|%{EXIM_HEADER_ID}"
        "|%{EXIM_SUBJECT}|%{EXIM_UNKNOWN_FIELD}))*"
    ),
    "EXIM_MESSAGE_ARRIVAL": (
        r"%{EXIM_DATE:timestamp} (?:%{EXIM_PID} )?%{EXIM_MSGID:exim.log.message.id} (?<exim.log.flags><=) "
        r"%{EMAILADDRESS:exim.log.sender.email}%{EXIM_NAMED_FIELDS}"
        r"(?:(?: from <?(?<exim.log.sender.original>[^>\s]*)>?)? for %{EMAILADDRESS:exim.log.recipient.email})?"
    ),
    "EXIM": "%{EXIM_MESSAGE_ARRIVAL}",
}

#: What stands between semicolons, by the word before the colon. The last takes the rest of the line.
_NAGIOS_COLUMNS = {
    "host": "(?<host.hostname>[^;]*)",
    "service": "(?<service.name>[^;]*)",
    "state": "(?<service.state>[^;]*)",
    "state_type": "(?<nagios.log.state_type>[^;]*)",
    "attempt": "%{INT:nagios.log.attempt:int}",
    "user": "(?<user.name>[^;]*)",
    "command": "(?<nagios.log.notification_command>[^;]*)",
    "handler": "(?<nagios.log.event_handler_name>[^;]*)",
    "message": "%{GREEDYDATA:message}",
    "comment": "%{GREEDYDATA:nagios.log.comment}",
    "from": "%{INT:nagios.log.period_from:int}",
    "to": "%{INT:nagios.log.period_to:int}",
    "result": "%{GREEDYDATA:nagios.log.check_result}",
    "start": "%{NUMBER:nagios.log.start_time}",
    "end": "%{NUMBER:nagios.log.end_time}",
    "fixed": "%{NUMBER:nagios.log.fixed}",
    "trigger": "%{NUMBER:nagios.log.trigger_id}",
    "duration": "%{NUMBER:nagios.log.duration:int}",
}
_NAGIOS_EVENTS = {
    "CURRENT SERVICE STATE": "host service state state_type attempt message",
    "CURRENT HOST STATE": "host state state_type attempt message",
    "SERVICE NOTIFICATION": "user host service state command message",
    "HOST NOTIFICATION": "user host state command message",
    "SERVICE ALERT": "host service state state_type attempt message",
    "HOST ALERT": "host state state_type attempt message",
    "SERVICE FLAPPING ALERT": "host service state message",
    "HOST FLAPPING ALERT": "host state message",
    "SERVICE DOWNTIME ALERT": "host service state comment",
    "HOST DOWNTIME ALERT": "host state comment",
    "PASSIVE SERVICE CHECK": "host service state comment",
    "PASSIVE HOST CHECK": "host state comment",
    "SERVICE EVENT HANDLER": "host service state state_type handler",
    "HOST EVENT HANDLER": "host state state_type handler",
    "TIMEPERIOD TRANSITION": "service from to",
}
#: What people order, in lines of the event EXTERNAL COMMAND.
_NAGIOS_COMMANDS = {
    **{
        f"{switch}_SVC_{what}": "host service"
        for switch in ("DISABLE", "ENABLE")
        for what in ("CHECK", "NOTIFICATIONS")
    },
    **{
        f"{switch}_{what}": "host"
        for switch in ("DISABLE", "ENABLE")
        for what in ("HOST_CHECK", "HOST_NOTIFICATIONS", "HOST_SVC_NOTIFICATIONS")
    },
    "PROCESS_SERVICE_CHECK_RESULT": "host service state result",
    "PROCESS_HOST_CHECK_RESULT": "host state result",
    "SCHEDULE_HOST_DOWNTIME": "host start end fixed trigger duration user comment",
    "SCHEDULE_SERVICE_DOWNTIME": "host service start end fixed trigger duration user comment",
}


def _nagios() -> Mapping[str, str]:
    patterns = {"NAGIOSTIME": r"\[%{NUMBER:timestamp}\]", "NAGIOS_WARNING": r"Warning:\s*%{GREEDYDATA:message}"}
    for event, told in _NAGIOS_EVENTS.items():
        name = event.replace(" ", "_")
        patterns[f"NAGIOS_TYPE_{name}"] = event
        patterns[f"NAGIOS_{name}"] = f"(?<nagios.log.type>{event}): {_semicolons(told)}"
    patterns["NAGIOS_TYPE_EXTERNAL_COMMAND"] = order = "EXTERNAL COMMAND"
    for command, told in _NAGIOS_COMMANDS.items():
        patterns[f"NAGIOS_EC_{command}"] = command
        ordered = f"(?<nagios.log.type>{order}): (?<nagios.log.command>{command})"
        patterns[f"NAGIOS_EC_LINE_{command}"] = f"{ordered};{_semicolons(told)}"
    lines = [f"NAGIOS_{event.replace(' ', '_')}" for event in _NAGIOS_EVENTS]
    lines += ["NAGIOS_WARNING", *(f"NAGIOS_EC_LINE_{command}" for command in _NAGIOS_COMMANDS)]
    patterns["NAGIOSLOGLINE"] = f"%{{NAGIOSTIME}} (?:{'|'.join(f'%{{{name}}}' for name in lines)})"
    return patterns


def _semicolons(names: str) -> str:
    return ";".join(_NAGIOS_COLUMNS[column] for column in names.split())


SERVICES: Mapping[str, str] = {**_PROXIES, **_CLOUDS, **_NAMES_AND_MAIL, **_nagios()}
