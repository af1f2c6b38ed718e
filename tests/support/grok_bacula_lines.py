"""Messages of Bacula, as grok_lines.py has lines of programs."""

from __future__ import annotations

from tests.support.grok_lines import Line, fields

_ON = "bacula.volume.device File1 | bacula.volume.path /srv/b |"
_VOLUME = "bacula.volume.name Vol-0001 |"
_DEVICE = '"File1" (/srv/b)'
_PEER = "bacula.client.name web1-fd | client.address web1 | client.port 9102 | error.message Connection refused"

_MESSAGES = {
    "MAX_CAPACITY": (
        f"User defined maximum volume capacity 10,737,418,240 exceeded on device {_DEVICE}.",
        f"{_ON} bacula.volume.max_capacity 10,737,418,240",
    ),
    "END_VOLUME": (
        'End of medium on Volume "Vol-0001" Bytes=10,737,382,499 Blocks=166,439 at 29-Aug-2016 00:01.',
        f"{_VOLUME} bacula.volume.bytes 10,737,382,499 | bacula.volume.blocks 166,439"
        "| bacula.timestamp 29-Aug-2016 00:01",
    ),
    "NEW_VOLUME": ('Created new Volume="Vol-0001", Pool="Default", MediaType="File" in catalog.', _VOLUME),
    "NEW_LABEL": (f'Labeled new Volume "Vol-0001" on file device {_DEVICE}.', _VOLUME + _ON),
    "WROTE_LABEL": (f'Wrote label to prelabeled Volume "Vol-0001" on device {_DEVICE}', _VOLUME + _ON),
    "NEW_MOUNT": (
        f'New volume "Vol-0001" mounted on device {_DEVICE} at 29-Aug-2016 00:01.',
        f"{_VOLUME} {_ON} bacula.timestamp 29-Aug-2016 00:01",
    ),
    "NOOPEN": (
        '     Cannot open "/a b": ERR=Permission denied.',
        "file.path /a b | error.message Permission denied.",
    ),
    "NOOPENDIR": (
        "     Could not open directory /a: ERR=Permission denied",
        "file.path /a | error.message Permission denied",
    ),
    "NOSTAT": (
        "     Could not stat /a: ERR=No such file or directory",
        "file.path /a | error.message No such file or directory",
    ),
    "VOLUME_PREVWRITTEN": ('Volume "Vol-0001" previously written, moving to end of data.', _VOLUME),
    "READYAPPEND": (
        'Ready to append to end of Volume "Vol-0001" size=1,234',
        f"{_VOLUME} bacula.volume.size 1,234",
    ),
    "DIFF_FS": ("     /home is a different filesystem. Will not descend from / into it.", ""),
    "NOJOBS": ('There are no more Jobs associated with Volume "Vol-0001". Marking it purged.', _VOLUME),
    "ALL_RECORDS_PRUNED": ('All records pruned from Volume "Vol-0001"; marking it "Purged"', _VOLUME),
    "BEGIN_PRUNE_JOBS": ("Begin pruning Jobs older than 1 month 5 days .", ""),
    "BEGIN_PRUNE_FILES": ("Begin pruning Files.", ""),
    "PRUNED_JOBS": ("Pruned 2 Jobs for client web1-fd from catalog.", "bacula.client.name web1-fd"),
    "PRUNED_FILES": ("Pruned Files from 1 Job for client web1-fd from catalog.", "bacula.client.name web1-fd"),
    "ENDPRUNE": ("End auto prune.", ""),
    "NOPRUNE_JOBS": ("No Jobs found to prune.", ""),
    "NOPRUNE_FILES": ("No Files found to prune.", ""),
    "STARTJOB": (
        "Start Backup JobId 3060, Job=web1.2016-08-29_00.00.00_05",
        "bacula.job.other_id 3060 | bacula.job.name web1.2016-08-29_00.00.00_05",
    ),
    "STARTRESTORE": ("Start Restore Job web1.2016-08-29_00.00.00_05", "bacula.job.name web1.2016-08-29_00.00.00_05"),
    "USEDEVICE": ('Using Device "File1" to write.', "bacula.volume.device File1"),
    "JOBEND": (
        "Job write elapsed time = 00:05:32, Transfer rate = 3.125 M Bytes/second",
        "bacula.job.elapsed_time 00:05:32",
    ),
    "CANCELLING": ("Cancelling duplicate JobId=3060.", "bacula.job.other_id 3060"),
    "MARKCANCEL": (
        "JobId 3060, Job web1.2016-08-29 marked to be canceled.",
        "bacula.job.other_id 3060 | bacula.job.name web1.2016-08-29",
    ),
    "CLIENT_RBJ": (
        'shell command: run ClientRunBeforeJob "/bin/a b"',
        "bacula.job.client_run_before_command /bin/a b",
    ),
    "VSS": ('Generate VSS snapshots. Driver="Win64 VSS", Drive(s)="C"', ""),
    "MAXSTART": ("Fatal error: Job canceled because max start delay time exceeded.", ""),
    "DUPLICATE": (
        "Fatal error: JobId 3060 already running. Duplicate job not allowed.",
        "bacula.job.other_id 3060",
    ),
    "NOJOBSTAT": ("Fatal error: No Job status returned from FD.", ""),
    "FATAL_CONN": (
        "Fatal error: bsock.c:135 Unable to connect to Client: web1-fd on web1:9102. ERR=Connection refused",
        _PEER,
    ),
    "NO_CONNECT": (
        "Warning: bsock.c:129 Could not connect to Client: web1-fd on web1:9102. ERR=Connection refused",
        _PEER,
    ),
    "NO_AUTH": (
        'Fatal error: Unable to authenticate with File daemon at "web1:9102". Possible causes:',
        "client.address web1 | client.port 9102",
    ),
    "NOSUIT": ("No prior or suitable Full backup found in catalog. Doing FULL backup.", ""),
    "JOB": ("Bacula backup-dir 5.2.6 (21Feb12):", "bacula.version 5.2.6"),
}
_HEAD = "29-Aug 00:00 backup-dir JobId 7: "
_HEAD_FIELDS = fields("timestamp 29-Aug 00:00 | host.hostname backup-dir | bacula.job.id 7")

BACULA_LINES: list[Line] = [
    *((f"BACULA_LOG_{name}", line, fields(found)) for name, (line, found) in _MESSAGES.items()),
    *(("BACULA_LOG", _HEAD + line, _HEAD_FIELDS | fields(found)) for line, found in _MESSAGES.values()),
    *(("BACULA_LOGLINE", _HEAD + line, _HEAD_FIELDS | fields(found)) for line, found in _MESSAGES.values()),
    (
        "BACULA_LOGLINE",
        "29-Aug-2016 00:00:01 backup-dir: Other",
        fields("timestamp 29-Aug-2016 00:00:01 | host.hostname backup-dir | message Other"),
    ),
]
