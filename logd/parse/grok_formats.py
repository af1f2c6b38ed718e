r"""The lines of programs, as grok patterns by name. Their fields have the names that Logstash gives them: ECS's, and
`<program>.…` for what ECS doesn't know.

Where the originals have a pattern that accepts much (an address or a host's name, a text to the next quote), these have
a class of characters that accepts at least as much: a line takes a third of the time. A quote in a quoted text counts
as its end unless a backslash stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Inside quotes. With a class that knows the end of a line it takes a tenth longer.
_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'
_HTTP = r"%{WORD:http.request.method} %{NOTSPACE:url.original}(?: HTTP/%{NUMBER:http.version})?"
_REFERRER_AND_AGENT = rf'"(?:-|(?<http.request.referrer>{_QUOTED}))" "(?:-|(?<user_agent.original>{_QUOTED}))"'
#: An address or a name, without a colon behind.
_HOST = r"[\w.:%-]*\w"

_HTTPD = {
    "HTTPDUSER": "(?:%{EMAILADDRESS}|%{USER})",
    "HTTPD_COMMONLOG": (
        rf"(?<source.address>{_HOST}) (?:-|(?<apache.access.user.identity>\S+)) (?:-|(?<user.name>\S+))"
        rf' \[%{{HTTPDATE:timestamp}}\] "(?:{_HTTP}|{_QUOTED})"'
        r" (?:-|%{INT:http.response.status_code:int}) (?:-|%{INT:http.response.body.bytes:int})"
    ),
    "HTTPD_COMBINEDLOG": f"%{{HTTPD_COMMONLOG}} {_REFERRER_AND_AGENT}",
    "COMMONAPACHELOG": "%{HTTPD_COMMONLOG}",
    "COMBINEDAPACHELOG": "%{HTTPD_COMBINEDLOG}",
    "HTTPD20_ERRORLOG": (
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[%{LOGLEVEL:log.level}\] (?:\[client %{IPORHOST:source.address}\] )?"
        "%{GREEDYDATA:message}"
    ),
    "HTTPD24_ERRORLOG": (
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[%{WORD:apache.error.module}?:%{LOGLEVEL:log.level}\]"
        r" \[pid %{POSINT:process.pid:int}(?::tid %{INT:process.thread.id:int})?\]"
        r"(?: \(%{POSINT:apache.error.proxy.error.code}\)%{DATA:apache.error.proxy.error.message}:)?"
        r"(?: \[client (?<source.address>[\w.:%-]*?\w)(?::%{POSINT:source.port:int})?\])?"
        "(?: (?<error.code>[A-Z]+[0-9]+):)? %{GREEDYDATA:message}"
    ),
    "HTTPD_ERRORLOG": "(?:%{HTTPD20_ERRORLOG}|%{HTTPD24_ERRORLOG})",
}

_FACILITY = r"<%{NONNEGINT:log.syslog.facility.code:int}.%{NONNEGINT:log.syslog.priority:int}>"
_PAM = r"%{WORD:system.auth.pam.module}\((?<system.auth.pam.origin>[^)]*)\)"

_SYSLOG = {
    #: Printable, but for the brackets.
    "PROG": r"[!-Z\\^-~]+",
    "SYSLOGPROG": r"%{PROG:process.name}(?:\[%{POSINT:process.pid:int}\])?",
    "SYSLOGHOST": _HOST,
    "SYSLOGFACILITY": _FACILITY,
    "SYSLOGBASE": f"%{{SYSLOGTIMESTAMP:timestamp}} (?:{_FACILITY} )?%{{SYSLOGHOST:host.hostname}} %{{SYSLOGPROG}}:",
    "SYSLOGBASE2": (
        f"(?:%{{SYSLOGTIMESTAMP:timestamp}}|%{{TIMESTAMP_ISO8601:timestamp}})(?: {_FACILITY})?"
        "(?: %{SYSLOGHOST:host.hostname})?(?: %{SYSLOGPROG}:)?"
    ),
    "SYSLOGLINE": "%{SYSLOGBASE2} %{GREEDYDATA:message}",
    #: The message is the whole of it in the original, by looking ahead; here it is left out.
    "SYSLOGPAMSESSION": (
        f"%{{SYSLOGBASE}} {_PAM}: session %{{WORD:system.auth.pam.session_state}} for user %{{USERNAME:user.name}}"
        r"(?:\(uid=\d+\))?(?: by .*)?"
    ),
    "CRON_ACTION": "[A-Z ]+",
    "CRONLOG": r"%{SYSLOGBASE} \(%{USER:user.name}\) %{CRON_ACTION:system.cron.action} \(%{DATA:message}\)",
    "SYSLOG5424PRINTASCII": "[!-~]+",
    "SYSLOG5424PRI": "<%{NONNEGINT:log.syslog.priority:int}>",
    #: Elements side by side, with quoted values, in which a bracket is escaped.
    "SYSLOG5424SD": r'(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+',
    "SYSLOG5424BASE": (
        "%{SYSLOG5424PRI}%{NONNEGINT:system.syslog.version} +(?:-|%{TIMESTAMP_ISO8601:timestamp})"
        " +(?:-|%{SYSLOGHOST:host.hostname}) +(?:-|%{SYSLOG5424PRINTASCII:process.name})"
        " +(?:-|%{POSINT:process.pid:int}) +(?:-|%{SYSLOG5424PRINTASCII:event.code})"
        " +(?:-|%{SYSLOG5424SD:system.syslog.structured_data})?"
    ),
    "SYSLOG5424LINE": "%{SYSLOG5424BASE} +%{GREEDYDATA:message}",
}

_CLASS = r"%{JAVACLASS:java.log.origin.class.name}"
_METHOD = r"%{JAVAMETHOD:log.origin.function}"

_JAVA = {
    "JAVACLASS": r"(?:[A-Za-z$_][\w$]*\.)*[A-Za-z$_][\w$]*",
    #: Blanks for `Native Method` and `Unknown Source`.
    "JAVAFILE": r"[\w$. -]+",
    "JAVAMETHOD": r"(?:<(?:cl)?init>|[A-Za-z$_][\w$]*)",
    "JAVASTACKTRACEPART": (
        rf"\s*at {_CLASS}\.{_METHOD}\(%{{JAVAFILE:log.origin.file.name}}(?::%{{INT:log.origin.file.line:int}})?\)"
    ),
    "JAVATHREAD": r"[A-Z]{2}-Processor\d+",
    "JAVALOGMESSAGE": ".*",
    "CATALINA7_DATESTAMP": "%{MONTH} %{MONTHDAY}, %{YEAR} %{HOUR}:%{MINUTE}:%{SECOND} [AP]M",
    "CATALINA7_LOG": (
        rf"%{{CATALINA7_DATESTAMP:timestamp}} {_CLASS}(?: {_METHOD})?\s*(?:%{{LOGLEVEL:log.level}}:)?"
        " %{JAVALOGMESSAGE:message}"
    ),
    "CATALINA8_DATESTAMP": "%{MONTHDAY}-%{MONTH}-%{YEAR} %{HOUR}:%{MINUTE}:%{SECOND}",
    "CATALINA8_LOG": (
        r"%{CATALINA8_DATESTAMP:timestamp} %{LOGLEVEL:log.level} \[%{DATA:java.log.origin.thread.name}\]"
        rf" {_CLASS}\.{_METHOD}? %{{JAVALOGMESSAGE:message}}"
    ),
    "CATALINA_DATESTAMP": "(?:%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP})",
    "CATALINALOG": "(?:%{CATALINA8_LOG}|%{CATALINA7_LOG})",
    "TOMCAT7_LOG": "%{CATALINA7_LOG}",
    "TOMCAT8_LOG": "%{CATALINA8_LOG}",
    "TOMCATLEGACY_DATESTAMP": ("%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND}(?: %{ISO8601_TIMEZONE})?"),
    "TOMCATLEGACY_LOG": (
        rf"%{{TOMCATLEGACY_DATESTAMP:timestamp}} \| %{{LOGLEVEL:log.level}} \| {_CLASS} - %{{JAVALOGMESSAGE:message}}"
    ),
    "TOMCAT_DATESTAMP": "(?:%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP}|%{TOMCATLEGACY_DATESTAMP})",
    "TOMCATLOG": "(?:%{TOMCAT8_LOG}|%{TOMCAT7_LOG}|%{TOMCATLEGACY_LOG})",
}

_DATABASES = {
    #: stderr's lines with log_line_prefix = '%t %u %c %p'.
    "POSTGRESQL": (
        "%{DATESTAMP:timestamp} %{TZ:event.timezone} %{DATA:user.name} %{GREEDYDATA:postgresql.log.connection_id}"
        " %{POSINT:process.pid:int}"
    ),
    "REDISTIMESTAMP": "%{MONTHDAY} %{MONTH} %{TIME}",
    "REDISLOG": r"\[%{POSINT:process.pid:int}\] %{REDISTIMESTAMP:timestamp} \*",
    "REDISMONLOG": (
        r"%{NUMBER:timestamp} \[%{INT:redis.database.id} %{IP:client.ip}:%{POSINT:client.port:int}\]"
        r' "%{WORD:redis.command.name}"\s?%{GREEDYDATA:redis.command.args}'
    ),
    "MONGO_LOG": r"%{SYSLOGTIMESTAMP:timestamp} \[%{WORD:mongodb.component}\] %{GREEDYDATA:message}",
    "MONGO_WORDDASH": r"\b[\w-]+\b",
    "MONGO_QUERY": r"\{ .* \}",
    "MONGO_SLOWQUERY": (
        r"%{WORD:mongodb.profile.op} %{MONGO_WORDDASH:mongodb.database}\.%{MONGO_WORDDASH:mongodb.collection} \w+:"
        r" %{MONGO_QUERY:mongodb.query.original} ntoreturn:%{NONNEGINT:mongodb.profile.ntoreturn:int}"
        r" ntoskip:%{NONNEGINT:mongodb.profile.ntoskip:int} nscanned:%{NONNEGINT:mongodb.profile.nscanned:int}.*?"
        r" nreturned:%{NONNEGINT:mongodb.profile.nreturned:int}.*? %{INT:mongodb.profile.duration:int}ms"
    ),
    "MONGO3_SEVERITY": r"\w",
    "MONGO3_COMPONENT": "%{WORD}",
    "MONGO3_LOG": (
        r"%{TIMESTAMP_ISO8601:timestamp} %{MONGO3_SEVERITY:log.level} (?:-|%{MONGO3_COMPONENT:mongodb.component})\s*"
        r"(?:\[%{DATA:mongodb.context}\])? %{GREEDYDATA:message}"
    ),
}

_TIMED = r"%{NUMBER:rails.request.duration.active_record:float}ms"

_RUBY = {
    "MCOLLECTIVE": (
        r"[DIWEFA], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:process.pid:int}\]%{SPACE}%{LOGLEVEL:log.level}"
    ),
    "MCOLLECTIVEAUDIT": "%{TIMESTAMP_ISO8601:timestamp}:",
    "RUBY_LOGLEVEL": "(?:DEBUG|FATAL|ERROR|WARN|INFO)",
    "RUBY_LOGGER": (
        r"[DEFIW], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:process.pid:int}\] *%{RUBY_LOGLEVEL:log.level} -- +"
        "%{DATA:process.name}: %{GREEDYDATA:message}"
    ),
    "RUUID": "[0-9A-Fa-f]{32}",
    "RCONTROLLER": r"(?<rails.controller.class>[^#]+)#(?<rails.controller.action>\w+)",
    "RAILS3HEAD": (
        r'Started %{WORD:http.request.method} "%{URIPATHPARAM:url.original}" for %{IPORHOST:source.address} at '
        "(?<timestamp>%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND} %{ISO8601_TIMEZONE})"
    ),
    "RPROCESSING": (
        r"\W*Processing by %{RCONTROLLER} as (?<rails.request.format>\S+)"
        r"(?:\W*Parameters: \{%{DATA:rails.request.params}\}\W*)?"
    ),
    "RAILS3PROFILE": (
        r"(?:\(Views: %{NUMBER:rails.request.duration.view:float}ms \| "
        rf"ActiveRecord: {_TIMED}|\(ActiveRecord: {_TIMED})?"
    ),
    "RAILS3FOOT": (
        "Completed %{POSINT:http.response.status_code:int}%{DATA} in "
        "%{NUMBER:rails.request.duration.total:float}ms %{RAILS3PROFILE}%{GREEDYDATA}"
    ),
    #: The lines of one request, joined.
    "RAILS3": (r"%{RAILS3HEAD}(?:%{RPROCESSING})?(?<rails.request.explain.original>(?:.*\n)*)(?:%{RAILS3FOOT})?"),
}

#: Three numbers, of which the last may be any.
_MAVEN = {"MAVEN_VERSION": r"(?:\d+\.){0,2}(?:\*|\d+)(?:[.-](?:RELEASE|SNAPSHOT))?"}

FORMATS: Mapping[str, str] = {**_HTTPD, **_SYSLOG, **_JAVA, **_DATABASES, **_RUBY, **_MAVEN}
