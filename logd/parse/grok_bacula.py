r"""The lines that Bacula's director writes to its log, as grok patterns by name, with the fields that Logstash gives
them: BACULA_LOG is a line's head with any of the messages, BACULA_LOGLINE one with no message of these, too.

    29-Aug 00:00 backup-dir JobId 3060: Start Backup JobId 3060, Job=web1.2016-08-29_00.00.00_05
"""

from __future__ import annotations

from collections.abc import Mapping

_VOLUME = '"%{BACULA_VOLUME:bacula.volume.name}"'
_DEVICE = r'"%{BACULA_DEVICE:bacula.volume.device}"(?: \(%{BACULA_DEVICEPATH:bacula.volume.path}\))?'
_JOB = "%{BACULA_JOB:bacula.job.name}"
_OTHER_JOB = "%{INT:bacula.job.other_id}"
_CLIENT = '"?%{BACULA_HOST:bacula.client.name}"?'
_ERROR = "ERR=%{GREEDYDATA:error.message}"
_FATAL = "Fatal [eE]rror: "
_PEER = (
    "(?:Client: %{BACULA_HOST:bacula.client.name}|Storage daemon) on"
    rf" %{{IPORHOST:client.address}}:%{{POSINT:client.port:int}}\. {_ERROR}"
)

_PIECES = {
    "BACULA_TIMESTAMP": "%{MONTHDAY}-%{MONTH}(?:-%{YEAR})? %{HOUR}:%{MINUTE}(?::%{SECOND})?",
    "BACULA_HOST": "[0-9A-Za-z-]+",
    "BACULA_VOLUME": "%{USER}",
    "BACULA_DEVICE": "%{USER}",
    "BACULA_DEVICEPATH": "%{UNIXPATH}",
    "BACULA_CAPACITY": r"\d+(?:,\d+)*",
    "BACULA_VERSION": "%{USER}",
    "BACULA_JOB": "%{USER}",
}
_STORAGE = {
    "BACULA_LOG_MAX_CAPACITY": (
        "User defined maximum volume capacity %{BACULA_CAPACITY:bacula.volume.max_capacity} exceeded on device"
        rf" {_DEVICE}\.?"
    ),
    "BACULA_LOG_END_VOLUME": (
        rf"End of medium on Volume {_VOLUME} Bytes=%{{BACULA_CAPACITY:bacula.volume.bytes}}"
        r" Blocks=%{BACULA_CAPACITY:bacula.volume.blocks} at %{BACULA_TIMESTAMP:bacula.timestamp}\.?"
    ),
    "BACULA_LOG_NEW_VOLUME": rf"Created new Volume[ =]{_VOLUME}(?:, .*)? in catalog\.?",
    "BACULA_LOG_NEW_LABEL": rf"Labeled new Volume {_VOLUME} on (?:file )?device {_DEVICE}\.?",
    "BACULA_LOG_WROTE_LABEL": rf"Wrote label to prelabeled Volume {_VOLUME} on (?:file )?device {_DEVICE}\.?",
    "BACULA_LOG_NEW_MOUNT": (
        rf"New volume {_VOLUME} mounted on device {_DEVICE} at %{{BACULA_TIMESTAMP:bacula.timestamp}}\.?"
    ),
    "BACULA_LOG_NOOPEN": rf'\s*Cannot open "?%{{DATA:file.path}}"?: {_ERROR}',
    "BACULA_LOG_NOOPENDIR": rf'\s*Could not open directory "?%{{DATA:file.path}}"?: {_ERROR}',
    "BACULA_LOG_NOSTAT": rf'\s*Could not stat "?%{{DATA:file.path}}"?: {_ERROR}',
    "BACULA_LOG_VOLUME_PREVWRITTEN": rf"Volume {_VOLUME} previously written, moving to end of data\.?",
    "BACULA_LOG_READYAPPEND": (
        rf"Ready to append to end of Volume {_VOLUME} size=%{{BACULA_CAPACITY:bacula.volume.size}}"
    ),
    "BACULA_LOG_DIFF_FS": r"\s*%{UNIXPATH} is a different filesystem\. Will not descend from %{UNIXPATH} into it\.?",
}
_PRUNING = {
    "BACULA_LOG_NOJOBS": rf"There are no more Jobs associated with Volume {_VOLUME}\. Marking it purged\.?",
    "BACULA_LOG_ALL_RECORDS_PRUNED": rf'All records pruned from Volume {_VOLUME}; marking it "Purged"\.?',
    "BACULA_LOG_BEGIN_PRUNE_JOBS": r"Begin pruning Jobs older than .*?\d+ \w+ ?\.?",
    "BACULA_LOG_BEGIN_PRUNE_FILES": r"Begin pruning Files(?: older than .*?\d+ \w+ ?)?\.?",
    "BACULA_LOG_PRUNED_JOBS": rf"Pruned %{{INT}} Jobs? for client {_CLIENT} from catalog\.?",
    "BACULA_LOG_PRUNED_FILES": rf"Pruned Files from %{{INT}} Jobs? for client {_CLIENT} from catalog\.?",
    "BACULA_LOG_ENDPRUNE": r"End auto prune\.?",
    "BACULA_LOG_NOPRUNE_JOBS": r"No Jobs found to prune\.?",
    "BACULA_LOG_NOPRUNE_FILES": r"No Files found to prune\.?",
}
_JOBS = {
    "BACULA_LOG_STARTJOB": rf"Start Backup JobId {_OTHER_JOB}, Job={_JOB}",
    "BACULA_LOG_STARTRESTORE": rf"Start Restore Job {_JOB}",
    "BACULA_LOG_USEDEVICE": rf"Using Device {_DEVICE}(?: to (?:read|write))?\.?",
    "BACULA_LOG_JOBEND": (
        r"Job write elapsed time = %{NOTSPACE:bacula.job.elapsed_time}, Transfer rate = [\d.]+ (?:[KMG] )?Bytes/second"
    ),
    "BACULA_LOG_CANCELLING": rf"Cancelling duplicate JobId={_OTHER_JOB}\.?",
    "BACULA_LOG_MARKCANCEL": rf"JobId {_OTHER_JOB}, Job {_JOB} marked to be canceled\.?",
    "BACULA_LOG_CLIENT_RBJ": (
        'shell command: run ClientRunBeforeJob "%{GREEDYDATA:bacula.job.client_run_before_command}"'
    ),
    "BACULA_LOG_VSS": "(?:Generate VSS snapshots|VSS Writer)%{GREEDYDATA}",
    "BACULA_LOG_MAXSTART": rf"{_FATAL}Job canceled because max start delay time exceeded\.?",
    "BACULA_LOG_DUPLICATE": rf"{_FATAL}JobId {_OTHER_JOB} already running\. Duplicate job not allowed\.?",
    "BACULA_LOG_NOJOBSTAT": rf"{_FATAL}No Job status returned from FD\.?",
    "BACULA_LOG_FATAL_CONN": rf"{_FATAL}bsock\.c:\d+ Unable to connect to {_PEER}",
    "BACULA_LOG_NO_CONNECT": rf"Warning: bsock\.c:\d+ Could not connect to {_PEER}",
    "BACULA_LOG_NO_AUTH": (
        rf'{_FATAL}Unable to authenticate with File daemon at "?%{{IPORHOST:client.address}}'
        r'(?::%{POSINT:client.port:int})?"?\. Possible causes:%{GREEDYDATA}'
    ),
    "BACULA_LOG_NOSUIT": r"No prior or suitable Full backup found in catalog\. Doing FULL backup\.?",
    #: The heading of what has become of a job.
    "BACULA_LOG_JOB": r"(?:Error: )?Bacula %{BACULA_HOST} %{BACULA_VERSION:bacula.version} \(\d\d\w{3}\d\d\):",
}
_MESSAGES = {**_STORAGE, **_PRUNING, **_JOBS}
_HEAD = "%{BACULA_TIMESTAMP:timestamp} %{BACULA_HOST:host.hostname}(?: JobId %{INT:bacula.job.id})?:? "

BACULA: Mapping[str, str] = {
    **_PIECES,
    **_MESSAGES,
    "BACULA_LOG": f"{_HEAD}(?:{'|'.join(f'%{{{name}}}' for name in _MESSAGES)})",
    "BACULA_LOGLINE": f"(?:%{{BACULA_LOG}}|{_HEAD}%{{GREEDYDATA:message}})",
}
