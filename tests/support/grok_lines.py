"""Lines as programs write them: each with the name of the grok pattern that matches it whole, and with its fields."""

from __future__ import annotations

#: A pattern's name, a line, its fields.
Line = tuple[str, str, dict[str, str]]


def fields(text: str) -> dict[str, str]:
    """Of `name value` each, with bars between; blanks around a value don't count."""
    return {name: value for name, _, value in (part.strip().partition(" ") for part in text.split("|") if part.strip())}


_COMMON = '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326'
_COMMON_FIELDS = fields(
    "source.address 127.0.0.1 | user.name frank | timestamp 10/Oct/2000:13:55:36 -0700 | http.request.method GET"
    "| url.original /apache_pb.gif | http.version 1.0 | http.response.status_code 200 | http.response.body.bytes 2326"
)
_COMBINED = f'{_COMMON} "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
_COMBINED_FIELDS = {
    **_COMMON_FIELDS,
    "http.request.referrer": "http://www.example.com/start.html",
    "user_agent.original": "Mozilla/4.08 [en] (Win98; I ;Nav)",
}
_ERROR_20 = "[Sun Dec 04 04:47:44 2005] [error] [client 1.2.3.4] Directory index forbidden by rule: /var/www/html/"
_ERROR_20_FIELDS = fields(
    "timestamp Sun Dec 04 04:47:44 2005 | log.level error | source.address 1.2.3.4"
    "| message Directory index forbidden by rule: /var/www/html/"
)
_ERROR_24 = (
    "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:4711] "
    "AH00037: File does not exist: /usr/local/favicon.ico"
)
_ERROR_24_FIELDS = fields(
    "timestamp Fri Sep 09 10:42:29.902022 2011 | apache.error.module core | log.level error | process.pid 35708"
    "| process.thread.id 4328636416 | source.address 72.15.99.187 | source.port 4711 | error.code AH00037"
    "| message File does not exist: /usr/local/favicon.ico"
)

_HTTPD: list[Line] = [
    ("HTTPDUSER", "frank", {}),
    ("HTTPDUSER", "frank@example.com", {}),
    ("HTTPD_COMMONLOG", _COMMON, _COMMON_FIELDS),
    ("COMMONAPACHELOG", _COMMON, _COMMON_FIELDS),
    ("HTTPD_COMBINEDLOG", _COMBINED, _COMBINED_FIELDS),
    ("COMBINEDAPACHELOG", _COMBINED, _COMBINED_FIELDS),
    (
        "COMBINEDAPACHELOG",
        r'2001:db8::1 id - [1/Jan/2024:00:00:00 +0000] "\x16\x03\x01 \"" 400 - "-" "a \"b\" c"',
        fields(
            "source.address 2001:db8::1 | apache.access.user.identity id | timestamp 1/Jan/2024:00:00:00 +0000"
            r"| http.response.status_code 400 | user_agent.original a \"b\" c"
        ),
    ),
    (
        "COMBINEDAPACHELOG",
        'web-1.example.com - - [10/Oct/2000:13:55:36 -0700] "-" 408 - "" ""',
        fields(
            "source.address web-1.example.com | timestamp 10/Oct/2000:13:55:36 -0700 | http.response.status_code 408"
        ),
    ),
    ("HTTPD20_ERRORLOG", _ERROR_20, _ERROR_20_FIELDS),
    ("HTTPD24_ERRORLOG", _ERROR_24, _ERROR_24_FIELDS),
    ("HTTPD_ERRORLOG", _ERROR_20, _ERROR_20_FIELDS),
    ("HTTPD_ERRORLOG", _ERROR_24, _ERROR_24_FIELDS),
    (
        "HTTPD_ERRORLOG",
        "[Mon Aug 31 16:27:04.664761 2020] [proxy:error] [pid 9:tid 1] (111)Connection refused: AH00957: HTTP: failed",
        fields(
            "timestamp Mon Aug 31 16:27:04.664761 2020 | apache.error.module proxy | log.level error | process.pid 9"
            "| process.thread.id 1 | apache.error.proxy.error.code 111"
            "| apache.error.proxy.error.message Connection refused | error.code AH00957 | message HTTP: failed"
        ),
    ),
    (
        "HTTPD_ERRORLOG",
        "[Mon Aug 31 16:27:04 2020] [:notice] [pid 9] mod_python: ready",
        fields("timestamp Mon Aug 31 16:27:04 2020 | log.level notice | process.pid 9 | message mod_python: ready"),
    ),
]

_SSHD = "Dec 10 06:55:46 LabSZ sshd[24200]:"
_SSHD_FIELDS = fields("timestamp Dec 10 06:55:46 | host.hostname LabSZ | process.name sshd | process.pid 24200")
_RFC5424 = '<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su 123 ID47 [a@1 ip="1]" x="\\]"][b]'
_RFC5424_FIELDS = fields(
    "log.syslog.priority 34 | system.syslog.version 1 | timestamp 2003-10-11T22:14:15.003Z"
    "| host.hostname mymachine.example.com | process.name su | process.pid 123 | event.code ID47"
    '| system.syslog.structured_data [a@1 ip="1]" x="\\]"][b]'
)

_SYSLOG: list[Line] = [
    ("SYSLOGBASE", _SSHD, _SSHD_FIELDS),
    ("SYSLOGBASE2", _SSHD, _SSHD_FIELDS),
    ("SYSLOGLINE", f"{_SSHD} Invalid user a from 1.2.3.4", _SSHD_FIELDS | {"message": "Invalid user a from 1.2.3.4"}),
    (
        "SYSLOGLINE",
        "Jun  9 06:06:20 combo <1.6> su(pam_unix): session closed for user cyrus",
        fields(
            "timestamp Jun  9 06:06:20 | host.hostname combo"
            " | message <1.6> su(pam_unix): session closed for user cyrus"
        ),
    ),
    (
        "SYSLOGLINE",
        "Jun  9 06:06:20 <1.6> combo su(pam_unix): session closed for user cyrus",
        fields(
            "timestamp Jun  9 06:06:20 | log.syslog.facility.code 1 | log.syslog.priority 6 | host.hostname combo"
            "| process.name su(pam_unix) | message session closed for user cyrus"
        ),
    ),
    (
        "SYSLOGLINE",
        "2024-11-22T10:00:00.5+02:00 web1 postfix/smtpd[7]: connect",
        fields(
            "timestamp 2024-11-22T10:00:00.5+02:00 | host.hostname web1 | process.name postfix/smtpd | process.pid 7"
            "| message connect"
        ),
    ),
    ("SYSLOGLINE", "Jun  9 06:06:20 su: x", fields("timestamp Jun  9 06:06:20 | process.name su | message x")),
    (
        "SYSLOGPAMSESSION",
        "Jun 15 02:04:59 combo su[1]: pam_unix(su-l:session): session opened for user root(uid=0) by (uid=0)",
        fields(
            "timestamp Jun 15 02:04:59 | host.hostname combo | process.name su | process.pid 1 | user.name root"
            "| system.auth.pam.module pam_unix | system.auth.pam.origin su-l:session"
            "| system.auth.pam.session_state opened"
        ),
    ),
    (
        "CRONLOG",
        "Jun 15 02:04:59 web1 CRON[9]: (root) CMD (run-parts /etc/cron.hourly)",
        fields(
            "timestamp Jun 15 02:04:59 | host.hostname web1 | process.name CRON | process.pid 9 | user.name root"
            "| system.cron.action CMD | message run-parts /etc/cron.hourly"
        ),
    ),
    ("SYSLOG5424BASE", _RFC5424, _RFC5424_FIELDS),
    ("SYSLOG5424LINE", f"{_RFC5424} 'su root' failed", _RFC5424_FIELDS | {"message": "'su root' failed"}),
    (
        "SYSLOG5424LINE",
        "<165>1 - - - - - - x",
        fields("log.syslog.priority 165 | system.syslog.version 1 | message x"),
    ),
]

_CATALINA_7 = "Jan 9, 2014 7:13:13 AM org.apache.catalina.startup.HostConfig deploy\tINFO: Deploying x"
_CATALINA_7_FIELDS = fields(
    "timestamp Jan 9, 2014 7:13:13 AM | java.log.origin.class.name org.apache.catalina.startup.HostConfig"
    "| log.origin.function deploy | log.level INFO | message Deploying x"
)
_CATALINA_8 = "31-Jul-2020 16:40:38.578 INFO [main] org.apache.coyote.AbstractProtocol.start Starting x"
_CATALINA_8_FIELDS = fields(
    "timestamp 31-Jul-2020 16:40:38.578 | log.level INFO | java.log.origin.thread.name main"
    "| java.log.origin.class.name org.apache.coyote.AbstractProtocol | log.origin.function start | message Starting x"
)
_TOMCAT = "2014-01-09 20:03:28,269 -0800 | ERROR | com.example.service.ExampleService - something failed"
_TOMCAT_FIELDS = {
    "timestamp": "2014-01-09 20:03:28,269 -0800",
    "log.level": "ERROR",
    "java.log.origin.class.name": "com.example.service.ExampleService",
    "message": "something failed",
}

_JAVA: list[Line] = [
    (
        "JAVASTACKTRACEPART",
        "\tat org.apache.a.B$C.run(B.java:42)",
        fields(
            "java.log.origin.class.name org.apache.a.B$C | log.origin.function run | log.origin.file.name B.java"
            "| log.origin.file.line 42"
        ),
    ),
    (
        "JAVASTACKTRACEPART",
        "at a.B.<init>(Native Method)",
        fields("java.log.origin.class.name a.B | log.origin.function <init> | log.origin.file.name Native Method"),
    ),
    ("CATALINA7_LOG", _CATALINA_7, _CATALINA_7_FIELDS),
    ("CATALINA8_LOG", _CATALINA_8, _CATALINA_8_FIELDS),
    ("CATALINALOG", _CATALINA_7, _CATALINA_7_FIELDS),
    ("CATALINALOG", _CATALINA_8, _CATALINA_8_FIELDS),
    ("TOMCAT7_LOG", _CATALINA_7, _CATALINA_7_FIELDS),
    ("TOMCAT8_LOG", _CATALINA_8, _CATALINA_8_FIELDS),
    ("TOMCATLEGACY_LOG", _TOMCAT, _TOMCAT_FIELDS),
    ("TOMCATLOG", _TOMCAT, _TOMCAT_FIELDS),
    ("TOMCATLOG", _CATALINA_8, _CATALINA_8_FIELDS),
]

_DATABASES: list[Line] = [
    (
        "POSTGRESQL",
        "03-30-2021 07:43:08 UTC postgres 6062d2cc.3f 63",
        fields(
            "timestamp 03-30-2021 07:43:08 | event.timezone UTC | user.name postgres"
            "| postgresql.log.connection_id 6062d2cc.3f | process.pid 63"
        ),
    ),
    ("REDISLOG", "[4018] 14 Nov 07:01:22.119 *", fields("process.pid 4018 | timestamp 14 Nov 07:01:22.119")),
    (
        "REDISMONLOG",
        '1470637867.953466 [0 195.168.1.1:52500] "set" "key" "value"',
        fields(
            "timestamp 1470637867.953466 | redis.database.id 0 | client.ip 195.168.1.1 | client.port 52500"
            '| redis.command.name set | redis.command.args "key" "value"'
        ),
    ),
    (
        "MONGO_LOG",
        "Nov 22 10:00:00 [conn] x",
        fields("timestamp Nov 22 10:00:00 | mongodb.component conn | message x"),
    ),
    (
        "MONGO_SLOWQUERY",
        "query app.users query: { _id: 1 } ntoreturn:1 ntoskip:0 nscanned:99 keyUpdates:0 nreturned:1 reslen:20 150ms",
        fields(
            "mongodb.profile.op query | mongodb.database app | mongodb.collection users"
            "| mongodb.query.original { _id: 1 } | mongodb.profile.ntoreturn 1 | mongodb.profile.ntoskip 0"
            "| mongodb.profile.nscanned 99 | mongodb.profile.nreturned 1 | mongodb.profile.duration 150"
        ),
    ),
    (
        "MONGO3_LOG",
        "2014-11-03T18:28:32.450-0500 I NETWORK  [initandlisten] waiting for connections on port 27017",
        fields(
            "timestamp 2014-11-03T18:28:32.450-0500 | log.level I | mongodb.component NETWORK"
            "| mongodb.context initandlisten | message waiting for connections on port 27017"
        ),
    ),
    (
        "MONGO3_LOG",
        "2015-02-24T18:17:47.148+0000 F -        [conn11] Got signal: 11 (Segmentation fault).",
        fields(
            "timestamp 2015-02-24T18:17:47.148+0000 | log.level F | mongodb.context conn11"
            "| message Got signal: 11 (Segmentation fault)."
        ),
    ),
]

_RAILS_HEAD = 'Started POST "/api/v3/x?a=b" for 127.0.0.1 at 2020-11-22 10:00:00 +0100'
_RAILS_HEAD_FIELDS = fields(
    "http.request.method POST | url.original /api/v3/x?a=b | source.address 127.0.0.1"
    "| timestamp 2020-11-22 10:00:00 +0100"
)
_RAILS_PROCESSING = "Processing by Api::V3::XController#create as JSON"
_RAILS_PROCESSING_FIELDS = fields(
    "rails.controller.class Api::V3::XController | rails.controller.action create | rails.request.format JSON"
)
_RAILS_FOOT = "Completed 200 OK in 34.5ms (Views: 1.2ms | ActiveRecord: 30.1ms)"
_RAILS_FOOT_FIELDS = {
    "http.response.status_code": "200",
    "rails.request.duration.total": "34.5",
    "rails.request.duration.view": "1.2",
    "rails.request.duration.active_record": "30.1",
}

_RUBY: list[Line] = [
    (
        "RUBY_LOGGER",
        "I, [2011-02-16T16:37:59.130967 #31640]  INFO -- app: started",
        fields(
            "timestamp 2011-02-16T16:37:59.130967 | process.pid 31640 | log.level INFO | process.name app"
            "| message started"
        ),
    ),
    ("RAILS3HEAD", _RAILS_HEAD, _RAILS_HEAD_FIELDS),
    ("RPROCESSING", _RAILS_PROCESSING, _RAILS_PROCESSING_FIELDS),
    (
        "RPROCESSING",
        f'{_RAILS_PROCESSING}\n  Parameters: {{"a"=>"1"}}\n',
        {**_RAILS_PROCESSING_FIELDS, "rails.request.params": '"a"=>"1"'},
    ),
    ("RAILS3FOOT", _RAILS_FOOT, _RAILS_FOOT_FIELDS),
    ("RAILS3PROFILE", "(ActiveRecord: 5ms", {"rails.request.duration.active_record": "5"}),
    ("RAILS3", _RAILS_HEAD, _RAILS_HEAD_FIELDS),
    (
        "RAILS3",
        f"{_RAILS_HEAD}\n{_RAILS_PROCESSING}\nRendered x\n{_RAILS_FOOT}",
        {
            **_RAILS_HEAD_FIELDS,
            **_RAILS_PROCESSING_FIELDS,
            "rails.request.explain.original": "\nRendered x\n",
            **_RAILS_FOOT_FIELDS,
        },
    ),
]

_MCOLLECTIVE: list[Line] = [
    (
        "MCOLLECTIVE",
        "I, [2010-12-29T11:15:32.321744 #11479]  INFO",
        fields("timestamp 2010-12-29T11:15:32.321744 | process.pid 11479 | log.level INFO"),
    ),
    (
        "MCOLLECTIVEAUDIT",
        "2010-12-28T17:09:03.889113+0000:",
        {"timestamp": "2010-12-28T17:09:03.889113+0000"},
    ),
]

PROGRAM_LINES = [*_MCOLLECTIVE, *_HTTPD, *_SYSLOG, *_JAVA, *_DATABASES, *_RUBY]
