"""Lines of proxies, clouds, name and mail servers and monitors, as grok_lines.py has them of programs."""

from __future__ import annotations

from tests.support.grok_lines import Line, fields

_HAPROXY = (
    "127.0.0.1:39759 [09/Dec/2013:12:59:46.633] loadbalancer default/instance8 0/51536/1/48082/99627 200 83285 "
    '- - ---- 87/87/87/1/0 0/67 {77.24.148.74} {} "GET /path/to/image?x=1 HTTP/1.1"'
)
_HAPROXY_FIELDS = fields(
    "source.address 127.0.0.1 | source.port 39759 | haproxy.request_date 09/Dec/2013:12:59:46.633"
    "| haproxy.frontend_name loadbalancer | haproxy.backend_name default | haproxy.server_name instance8"
    "| haproxy.http.request.time_wait_ms 0 | haproxy.total_waiting_time_ms 51536 | haproxy.connection_wait_time_ms 1"
    "| haproxy.http.request.time_wait_without_data_ms 48082 | haproxy.total_time_ms 99627"
    "| http.response.status_code 200 | source.bytes 83285 | haproxy.termination_state ----"
    "| haproxy.connections.active 87 | haproxy.connections.frontend 87 | haproxy.connections.backend 87"
    "| haproxy.connections.server 1 | haproxy.connections.retries 0 | haproxy.server_queue 0"
    "| haproxy.backend_queue 67 | haproxy.http.request.captured_headers 77.24.148.74 | http.request.method GET"
    "| url.original /path/to/image?x=1 | url.path /path/to/image | url.query x=1 | http.version 1.1"
)

_PROXIES: list[Line] = [
    (
        "HAPROXYHTTPREQUESTLINE",
        "GET http://u@a.b:8080/c HTTP/1.0",
        fields(
            "http.request.method GET | url.original http://u@a.b:8080/c | url.scheme http | url.username u"
            "| url.domain a.b | url.port 8080 | url.path /c | http.version 1.0"
        ),
    ),
    ("HAPROXYHTTPREQUESTLINE", "<BADREQ>", {}),
    ("HAPROXYCAPTUREDREQUESTHEADERS", "a|b", {"haproxy.http.request.captured_headers": "a|b"}),
    ("HAPROXYCAPTUREDRESPONSEHEADERS", "a|b", {"haproxy.http.response.captured_headers": "a|b"}),
    ("HAPROXYHTTPBASE", _HAPROXY, _HAPROXY_FIELDS),
    (
        "HAPROXYHTTP",
        f"Dec  9 13:01:26 localhost haproxy[28029]: {_HAPROXY}",
        _HAPROXY_FIELDS
        | fields("timestamp Dec  9 13:01:26 | host.hostname localhost | process.name haproxy | process.pid 28029"),
    ),
    (
        "HAPROXYHTTP",
        "2013-12-09T13:01:26Z lb haproxy[2]: 10.0.0.1:1 [09/Dec/2013:12:59:46.633] web web/<NOSRV> -1/-1/-1/-1/5 "
        '400 187 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"',
        fields(
            "timestamp 2013-12-09T13:01:26Z | host.hostname lb | process.name haproxy | process.pid 2"
            "| source.address 10.0.0.1 | source.port 1 | haproxy.request_date 09/Dec/2013:12:59:46.633"
            "| haproxy.frontend_name web | haproxy.backend_name web | haproxy.total_time_ms 5"
            "| http.response.status_code 400 | source.bytes 187 | haproxy.termination_state PR--"
            "| haproxy.connections.active 1 | haproxy.connections.frontend 1 | haproxy.connections.backend 0"
            "| haproxy.connections.server 0 | haproxy.connections.retries 0 | haproxy.server_queue 0"
            "| haproxy.backend_queue 0"
        ),
    ),
    (
        "HAPROXYTCP",
        "Sep 20 15:44:23 127.0.0.1 haproxy[25457]: 127.0.0.1:40962 [20/Sep/2018:15:44:23.285] main app/app1 1/-1/1 "
        "212 SC 1/1/0/0/3 0/0",
        fields(
            "timestamp Sep 20 15:44:23 | host.hostname 127.0.0.1 | process.name haproxy | process.pid 25457"
            "| source.address 127.0.0.1 | source.port 40962 | haproxy.request_date 20/Sep/2018:15:44:23.285"
            "| haproxy.frontend_name main | haproxy.backend_name app | haproxy.server_name app1"
            "| haproxy.total_waiting_time_ms 1 | haproxy.total_time_ms 1 | source.bytes 212"
            "| haproxy.termination_state SC | haproxy.connections.active 1 | haproxy.connections.frontend 1"
            "| haproxy.connections.backend 0 | haproxy.connections.server 0 | haproxy.connections.retries 3"
            "| haproxy.server_queue 0 | haproxy.backend_queue 0"
        ),
    ),
    (
        "SQUID3",
        "1525344856.899  16867 10.170.72.111 TCP_TUNNEL/200 6256 CONNECT logs.example.com:443 - HIER_DIRECT/1.2.3.4 -",
        fields(
            "timestamp 1525344856.899 | squid.request.duration 16867 | source.ip 10.170.72.111"
            "| event.action TCP_TUNNEL | http.response.status_code 200 | http.response.bytes 6256"
            "| http.request.method CONNECT | url.original logs.example.com:443 | squid.hierarchy_code HIER_DIRECT"
            "| destination.address 1.2.3.4"
        ),
    ),
]

_REQUEST = "GET /b?versioning HTTP/1.1"
_S3 = (
    f'79a5 mybucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 arn:x 3E57 REST.GET.VERSIONING - "{_REQUEST}" 200 '
    '- 113 - 7 - "-" "S3Console/0.4" -'
)
_S3_FIELDS = fields(
    "aws.s3access.bucket_owner 79a5 | aws.s3access.bucket mybucket | timestamp 06/Feb/2019:00:00:38 +0000"
    "| client.ip 192.0.2.3 | client.user.id arn:x | aws.s3access.request_id 3E57"
    f"| aws.s3access.operation REST.GET.VERSIONING | aws.s3access.request_uri {_REQUEST} | http.request.method GET"
    "| url.original /b?versioning | http.version 1.1 | http.response.status_code 200 | aws.s3access.bytes_sent 113"
    "| aws.s3access.total_time 7 | user_agent.original S3Console/0.4"
)
_ELB = (
    "2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 -1 200 200 0 29 "
    '"GET http://www.example.com:80/a?b=c HTTP/1.1"'
)
_ELB_FIELDS = fields(
    "timestamp 2015-05-13T23:39:43.945958Z | aws.elb.name my-loadbalancer | source.ip 192.168.131.39"
    "| source.port 2817 | aws.elb.backend.ip 10.0.0.1 | aws.elb.backend.port 80"
    "| aws.elb.request_processing_time.sec 0.000073 | aws.elb.backend_processing_time.sec 0.001048"
    "| http.response.status_code 200 | aws.elb.backend.http.response.status_code 200 | http.request.body.bytes 0"
    "| http.response.body.bytes 29 | http.request.method GET | url.original http://www.example.com:80/a?b=c"
    "| url.scheme http | url.domain www.example.com | url.port 80 | url.path /a | url.query b=c | http.version 1.1"
)

_CLOUDS: list[Line] = [
    ("S3_REQUEST_LINE", _REQUEST, fields("http.request.method GET | url.original /b?versioning | http.version 1.1")),
    ("S3_ACCESS_LOG", _S3, _S3_FIELDS),
    (
        "S3_ACCESS_LOG",
        f"{_S3} s9lz SigV4 ECDHE AuthHeader b.s3.amazonaws.com TLSv1.2",
        _S3_FIELDS
        | fields(
            "aws.s3access.host_id s9lz | aws.s3access.signature_version SigV4 | tls.cipher ECDHE"
            "| aws.s3access.authentication_type AuthHeader | aws.s3access.host_header b.s3.amazonaws.com"
            "| aws.s3access.tls_version TLSv1.2"
        ),
    ),
    (
        "ELB_REQUEST_LINE",
        "GET http://a.b/ HTTP/1.1",
        fields(
            "http.request.method GET | url.original http://a.b/ | url.scheme http | url.domain a.b | url.path /"
            "| http.version 1.1"
        ),
    ),
    ("ELB_V1_HTTP_LOG", _ELB, _ELB_FIELDS),
    (
        "ELB_ACCESS_LOG",
        f'{_ELB} "curl/7.38.0" DHE-RSA TLSv1.2',
        _ELB_FIELDS | fields("user_agent.original curl/7.38.0 | tls.cipher DHE-RSA | aws.elb.ssl_protocol TLSv1.2"),
    ),
    (
        "CLOUDFRONT_ACCESS_LOG",
        "2019-12-04|21:02:31|LAX1|392|192.0.2.100|GET|d1.cloudfront.net|/index.html|200|-|Mozilla/5.0%20x|-|-|Hit|SOX4=="
        "|d1.cloudfront.net|https|23|0.001|-|TLSv1.2|ECDHE|Hit|HTTP/2.0|-|-|11040|0.001|Hit|text/html|78|-|-".replace(
            "|", "\t"
        ),
        fields(
            "timestamp 2019-12-04\t21:02:31 | aws.cloudfront.x_edge_location LAX1 | destination.bytes 392"
            "| source.ip 192.0.2.100 | http.request.method GET | url.domain d1.cloudfront.net | url.path /index.html"
            "| http.response.status_code 200 | user_agent.original Mozilla/5.0%20x"
            "| aws.cloudfront.x_edge_result_type Hit | aws.cloudfront.x_edge_request_id SOX4=="
            "| aws.cloudfront.http.request.host d1.cloudfront.net | network.protocol https | source.bytes 23"
            "| aws.cloudfront.time_taken 0.001 | aws.cloudfront.ssl_protocol TLSv1.2 | tls.cipher ECDHE"
            "| aws.cloudfront.x_edge_response_result_type Hit | http.version 2.0 | source.port 11040"
            "| aws.cloudfront.time_to_first_byte 0.001 | aws.cloudfront.x_edge_detailed_result_type Hit"
            "| http.request.mime_type text/html | aws.cloudfront.http.request.size 78"
        ),
    ),
]

_BIND_QUERY = "client 127.0.0.1#42520 (ci.elastic.co): query: ci.elastic.co IN A +E(0)K (35.193.103.164)"
_BIND_FIELDS = fields(
    "client.ip 127.0.0.1 | client.port 42520 | bind.log.question.name ci.elastic.co | dns.question.name ci.elastic.co"
    "| dns.question.class IN | dns.question.type A | bind.log.question.flags +E(0)K | server.ip 35.193.103.164"
)
_BIND = f"17-Feb-2018 23:06:56.326 queries: info: {_BIND_QUERY.replace('client ', 'client @0x7f64500687b0 ')}"
_BIND_ALL = _BIND_FIELDS | fields("timestamp 17-Feb-2018 23:06:56.326 | bind.log.category queries | log.level info")
_EXIM = (
    "2014-05-08 10:00:00 [12] 1V5cUb-0001b4-Q2 <= j.doe@example.com H=(helo.example.com) [1.2.3.4]:1511 "
    'I=[10.0.0.1]:25 P=esmtps X=TLS1.2 S=987 id=a@b T="a \\"b\\"" from <j@example.com> for root@example.org'
)
_EXIM_FIELDS = fields(
    "timestamp 2014-05-08 10:00:00 | process.pid 12 | exim.log.message.id 1V5cUb-0001b4-Q2 | exim.log.flags <="
    "| exim.log.sender.email j.doe@example.com | exim.log.remote_address helo.example.com | source.ip 1.2.3.4"
    "| source.port 1511 | destination.ip 10.0.0.1 | destination.port 25 | network.protocol esmtps"
    '| exim.log.message.size 987 | exim.log.header_id a@b | exim.log.message.subject a \\"b\\"'
    "| exim.log.sender.original j@example.com | exim.log.recipient.email root@example.org"
)

_NAMES_AND_MAIL: list[Line] = [
    ("BIND9_QUERYLOGBASE", _BIND_QUERY, _BIND_FIELDS),
    ("BIND9_QUERYLOG", _BIND, _BIND_ALL),
    ("BIND9", _BIND, _BIND_ALL),
    (
        "EXIM_REMOTE_HOST",
        "H=mail.example.com (helo) [::1]:25",
        fields("source.address mail.example.com | exim.log.remote_address helo | source.ip ::1 | source.port 25"),
    ),
    ("EXIM_INTERFACE", "I=[10.0.0.1]:25", fields("destination.ip 10.0.0.1 | destination.port 25")),
    ("EXIM_SUBJECT", 'T="a b"', {"exim.log.message.subject": "a b"}),
    ("EXIM_NAMED_FIELDS", " P=esmtp S=9 X=y", fields("network.protocol esmtp | exim.log.message.size 9")),
    ("EXIM_MESSAGE_ARRIVAL", _EXIM, _EXIM_FIELDS),
    ("EXIM", _EXIM, _EXIM_FIELDS),
]

_EVENTS = {
    "CURRENT SERVICE STATE": "web1;HTTP;OK;HARD;1;fine",
    "CURRENT HOST STATE": "web1;UP;HARD;1;PING OK",
    "SERVICE NOTIFICATION": "admin;web1;HTTP;CRITICAL;notify-by-email;down",
    "HOST NOTIFICATION": "admin;web1;DOWN;notify-by-email;down",
    "SERVICE ALERT": "web1;HTTP;CRITICAL;SOFT;2;down; really",
    "HOST ALERT": "web1;DOWN;SOFT;2;down",
    "SERVICE FLAPPING ALERT": "web1;HTTP;STARTED;flapping",
    "HOST FLAPPING ALERT": "web1;STOPPED;flapping",
    "SERVICE DOWNTIME ALERT": "web1;HTTP;STARTED;planned",
    "HOST DOWNTIME ALERT": "web1;STARTED;planned",
    "PASSIVE SERVICE CHECK": "web1;HTTP;0;OK",
    "PASSIVE HOST CHECK": "web1;0;OK",
    "SERVICE EVENT HANDLER": "web1;HTTP;CRITICAL;SOFT;restart",
    "HOST EVENT HANDLER": "web1;DOWN;SOFT;restart",
    "TIMEPERIOD TRANSITION": "24x7;-1;1",
}
_COLUMNS = {
    "CURRENT SERVICE STATE": (
        "host.hostname service.name service.state nagios.log.state_type nagios.log.attempt message"
    ),
    "CURRENT HOST STATE": "host.hostname service.state nagios.log.state_type nagios.log.attempt message",
    "SERVICE NOTIFICATION": (
        "user.name host.hostname service.name service.state nagios.log.notification_command message"
    ),
    "HOST NOTIFICATION": "user.name host.hostname service.state nagios.log.notification_command message",
    "SERVICE ALERT": "host.hostname service.name service.state nagios.log.state_type nagios.log.attempt message",
    "HOST ALERT": "host.hostname service.state nagios.log.state_type nagios.log.attempt message",
    "SERVICE FLAPPING ALERT": "host.hostname service.name service.state message",
    "HOST FLAPPING ALERT": "host.hostname service.state message",
    "SERVICE DOWNTIME ALERT": "host.hostname service.name service.state nagios.log.comment",
    "HOST DOWNTIME ALERT": "host.hostname service.state nagios.log.comment",
    "PASSIVE SERVICE CHECK": "host.hostname service.name service.state nagios.log.comment",
    "PASSIVE HOST CHECK": "host.hostname service.state nagios.log.comment",
    "SERVICE EVENT HANDLER": (
        "host.hostname service.name service.state nagios.log.state_type nagios.log.event_handler_name"
    ),
    "HOST EVENT HANDLER": "host.hostname service.state nagios.log.state_type nagios.log.event_handler_name",
    "TIMEPERIOD TRANSITION": "service.name nagios.log.period_from nagios.log.period_to",
}
_ORDERS = {
    "DISABLE_SVC_CHECK": "web1;HTTP",
    "ENABLE_SVC_CHECK": "web1;HTTP",
    "DISABLE_SVC_NOTIFICATIONS": "web1;HTTP",
    "ENABLE_SVC_NOTIFICATIONS": "web1;HTTP",
    "DISABLE_HOST_CHECK": "web1",
    "ENABLE_HOST_CHECK": "web1",
    "DISABLE_HOST_NOTIFICATIONS": "web1",
    "ENABLE_HOST_NOTIFICATIONS": "web1",
    "DISABLE_HOST_SVC_NOTIFICATIONS": "web1",
    "ENABLE_HOST_SVC_NOTIFICATIONS": "web1",
    "PROCESS_SERVICE_CHECK_RESULT": "web1;HTTP;0;OK; fine",
    "PROCESS_HOST_CHECK_RESULT": "web1;0;OK",
    "SCHEDULE_HOST_DOWNTIME": "web1;1;2;1;0;3600;joe;planned",
    "SCHEDULE_SERVICE_DOWNTIME": "web1;HTTP;1;2;1;0;3600;joe;planned",
}


def _ordered(order: str) -> list[str]:
    columns = ["host.hostname", "service.name"] if "SVC_" in order or "SERVICE" in order else ["host.hostname"]
    if "HOST_SVC" in order:
        return ["host.hostname"]
    if "RESULT" in order:
        return [*columns, "service.state", "nagios.log.check_result"]
    if "DOWNTIME" in order:
        names = ["start_time", "end_time", "fixed", "trigger_id", "duration"]
        return [*columns, *(f"nagios.log.{name}" for name in names), "user.name", "nagios.log.comment"]
    return columns


def _nagios() -> list[Line]:
    lines: list[Line] = [
        ("NAGIOS_TYPE_EXTERNAL_COMMAND", "EXTERNAL COMMAND", {}),
        ("NAGIOSTIME", "[1427925600]", {"timestamp": "1427925600"}),
        ("NAGIOS_WARNING", "Warning:  x", {"message": "x"}),
        ("NAGIOSLOGLINE", "[1427925600] Warning: x", {"timestamp": "1427925600", "message": "x"}),
    ]
    for event, text in _EVENTS.items():
        columns = _COLUMNS[event].split()
        found = dict(zip(columns, text.split(";", len(columns) - 1), strict=True)) | {"nagios.log.type": event}
        name = event.replace(" ", "_")
        lines.append((f"NAGIOS_TYPE_{name}", event, {}))
        lines.append((f"NAGIOS_{name}", f"{event}: {text}", found))
        lines.append(("NAGIOSLOGLINE", f"[1427925600] {event}: {text}", found | {"timestamp": "1427925600"}))
    for order, text in _ORDERS.items():
        columns = _ordered(order)
        found = dict(zip(columns, text.split(";", len(columns) - 1), strict=True))
        found |= {"nagios.log.type": "EXTERNAL COMMAND", "nagios.log.command": order}
        lines.append((f"NAGIOS_EC_{order}", order, {}))
        lines.append((f"NAGIOS_EC_LINE_{order}", f"EXTERNAL COMMAND: {order};{text}", found))
        lines.append(("NAGIOSLOGLINE", f"[1] EXTERNAL COMMAND: {order};{text}", found | {"timestamp": "1"}))
    return lines


SERVICE_LINES = [*_PROXIES, *_CLOUDS, *_NAMES_AND_MAIL, *_nagios()]
