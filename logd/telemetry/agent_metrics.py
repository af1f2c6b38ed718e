"""The agent's metrics: `logd_agent_<what>_<unit>[_total]`. Counted per round, never per line."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

AGENT_READ_BYTES = Counter("logd_agent_read_bytes", "Bytes read from followed files.")
AGENT_SENT_CHUNKS = Counter("logd_agent_sent_chunks", "Chunks that were durable at the target.")
AGENT_SENT_LINES = Counter("logd_agent_sent_lines", "Lines that were durable at the target.")
AGENT_SENT_BYTES = Counter("logd_agent_sent_bytes", "Compressed bytes that were durable at the target.")
AGENT_RETRIES = Counter("logd_agent_send_retries", "Sends that the target couldn't take, and that were tried again.")
AGENT_CUT_LINES = Counter("logd_agent_cut_lines", "Lines of which only the beginning was kept.", ["reason"])
AGENT_DROPPED_LINES = Counter("logd_agent_dropped_lines", "Lines that were left out.", ["reason"])
AGENT_DROPPED_BYTES = Counter(
    "logd_agent_dropped_bytes", "Bytes that were cut off lines, or of lines left out.", ["reason"]
)
AGENT_LOST_BYTES = Counter(
    "logd_agent_lost_bytes", "Bytes of files that were gone before they were read, or known to have arrived."
)
AGENT_CONFLICT_LINES = Counter(
    "logd_agent_conflict_lines", "Lines given up because their source had sent other bytes from their place."
)
AGENT_REFUSED_LINES = Counter(
    "logd_agent_refused_lines", "Lines that the target refused for good, kept in the agent's data folder."
)
AGENT_DAMAGED_ROWS = Counter(
    "logd_agent_damaged_state_rows", "Rows of the agent's state that failed their checksum, and were mended or dropped."
)
AGENT_UNKNOWN_PODS = Counter(
    "logd_agent_unknown_pods", "Pods that weren't described in time: their lines say what their paths do."
)
AGENT_SYSLOG_CLOSED = Counter(
    "logd_agent_syslog_closed_connections", "Syslog connections that were closed, as others waited and they were idle."
)
AGENT_TRUNCATIONS = Counter("logd_agent_truncations", "Files that were truncated or replaced, and read anew.")
AGENT_UNTOLD = Counter(
    "logd_agent_untold_reports", "Reports of how the agent does that a server didn't take; lines go on all the same."
)
AGENT_FILES = Gauge("logd_agent_followed_files", "Files that are followed.")
AGENT_UNREADABLE = Gauge("logd_agent_unreadable_files", "Files that can't be read at the moment.")
AGENT_BEHIND = Gauge("logd_agent_behind_bytes", "Bytes in followed files that aren't at the target or in the spool.")
AGENT_SPOOL_BYTES = Gauge("logd_agent_spool_bytes", "Bytes on the disk of the spool, which waits for the target.")
AGENT_SPOOL_LINES = Gauge("logd_agent_spool_lines", "Lines that wait in the spool.")
AGENT_SPOOL_OLDEST = Gauge("logd_agent_spool_oldest_seconds", "How long ago the first line in the spool was read.")
AGENT_SPOOLED_LINES = Counter("logd_agent_spooled_lines", "Lines that went into the spool.")
AGENT_SPOOL_DROPPED_LINES = Counter("logd_agent_spool_dropped_lines", "Lines of the spool that are lost.", ["reason"])
