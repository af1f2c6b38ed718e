"""Every metric of logd, named once: `logd_<stage>_<what>_<unit>[_total]`. Counted per batch, never per line."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

INGEST_LINES = Counter("logd_ingest_lines", "Lines accepted over HTTP, after they were durable.")
INGEST_BYTES = Counter("logd_ingest_bytes", "Bytes of accepted HTTP bodies, decompressed.", unit="bytes")
INGEST_REFUSED = Counter("logd_ingest_refused", "HTTP bodies refused.", ["reason"])
INGEST_CUT = Counter("logd_ingest_cut_lines", "Lines cut at ingest.max_line_bytes.", ["reason"])
SHIPMENT_CHUNKS = Counter("logd_shipment_chunks", "Chunks of remote agents that are durable, resent ones included.")
SHIPMENT_LINES = Counter("logd_shipment_lines", "Lines of remote agents that are durable, resent ones included.")
SHIPMENT_BYTES = Counter(
    "logd_shipment_bytes", "Compressed bytes of chunks of remote agents that are durable.", unit="bytes"
)
ACCESS_REFUSED = Counter("logd_access_refused", "Requests refused for their sender, not for what they ask.", ["reason"])
SHIPMENT_REFUSED = Counter("logd_shipment_refused", "Bodies of remote agents refused.", ["reason"])

TRANSPORT_COMMIT_SECONDS = Histogram(
    "logd_transport_commit_seconds",
    "Time of one durable commit of the SQLite transport.",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
TRANSPORT_HELD_BYTES = Gauge("logd_transport_held_bytes", "Compressed bytes of the messages held.", ["topic"])
TRANSPORT_EXPIRED = Counter(
    "logd_transport_expired_messages", "Messages of a topic without groups, deleted over a limit.", ["topic"]
)
TRANSPORT_GAP = Counter(
    "logd_transport_gap_messages", "Messages that Kafka deleted before a group had read them.", ["topic", "group"]
)
TRANSPORT_RETENTION_USED = Gauge(
    "logd_transport_retention_used_ratio",
    "How much of Kafka's retention a group is behind, by age or by bytes; at 1 it loses messages.",
    ["topic", "group"],
)
TRANSPORT_DUPLICATES = Counter("logd_transport_duplicates", "Chunks whose source had sent them before.")

PARSE_LINES = Counter("logd_parse_lines", "Lines parsed into records.")
PARSE_UNPARSED = Counter("logd_parse_unparsed_lines", "Lines that no parser understood, kept as text.")
PARSE_BY = Counter(
    "logd_parse_lines_by_parser",
    "Lines by the parser (empty without one) and its step, or the form that was recognised, which took them.",
    ["parser", "step"],
)
PARSE_MENDED = Counter("logd_parse_mended_lines", "Lines with invalid UTF-8, kept with replacement characters.")
PARSE_OUT_OF_WINDOW = Counter("logd_parse_out_of_window_lines", "Lines whose time was not accepted.", ["reason"])
PARSE_RENEWED = Counter("logd_parse_renewed_engines", "Parsers made anew because their engine had broken.")
PARSE_SECONDS = Counter("logd_parse_seconds", "Time spent parsing.", unit="seconds")
SHAPE_DROPPED = Counter("logd_shape_dropped_lines", "Lines left out by a rule that drops.", ["rule"])
SHAPE_SAMPLED = Counter("logd_shape_sampled_lines", "Lines left out by a rule that samples.", ["rule"])
SHAPE_REDACTED = Counter("logd_shape_redacted_values", "Values hidden, by detector or pattern.", ["detector"])
SHEDDING_ACTIVE = Gauge(
    "logd_shedding_active", "Services with a spike that is sampled; 1 while the lag is, or in an emergency.", ["reason"]
)
METRIC_OTHER = Counter("logd_metric_other_records", "Records counted under other, for too many labels.", ["metric"])
DEAD_LETTERS = Counter("logd_deadletter_messages", "Messages sent to the topic dead-letters.", ["reason"])

INDEX_ROWS = Counter("logd_index_rows", "Rows taken into the index.")
INDEX_MESSAGE_BYTES = Counter(
    "logd_index_message_bytes",
    "Bytes of the messages of these rows; where some of a batch were left out, its average each.",
    unit="bytes",
)
INDEX_DUPLICATES = Counter("logd_index_duplicates", "Rows left out because their log_id was there.")
INDEX_SEGMENTS = Gauge("logd_index_segments", "Segments in the manifest.")
INDEX_QUARANTINED = Gauge("logd_index_quarantined_files", "Segments put aside because they were damaged or missing.")
INDEX_UPKEEP_SECONDS = Counter(
    "logd_index_upkeep_seconds", "Time spent on merging, indexing and checking segments.", ["work"], unit="seconds"
)
INDEX_RECENT_ROWS = Gauge("logd_index_recent_rows", "Rows in memory, not yet in a segment.")
INDEX_FLUSH_SECONDS = Histogram(
    "logd_index_flush_seconds", "Time to write and commit segments.", buckets=(0.03, 0.1, 0.3, 1, 3, 10, 30)
)
INDEX_PARTIALS = Counter(
    "logd_index_partials", "Parts of segments whose figures were asked for: hit, kept from before, or miss.", ["how"]
)
INDEX_PARTIALS_KEPT = Gauge("logd_index_partials_kept", "Figures of parts of segments in memory.")
INDEX_PARTIALS_BYTES = Gauge("logd_index_partials_kept_bytes", "What these take.", unit="bytes")
COLD_READ_BYTES = Counter(
    "logd_cold_read_bytes", "Bytes of the archive that searches took: from objects, or from the cache.", ["origin"]
)
COLD_FETCHES = Counter("logd_cold_fetches", "Requests for ranges of the archive's objects.")
COLD_PUT_ASIDE = Counter(
    "logd_cold_put_aside_files", "Files of the archive that turned out damaged and were put aside."
)
INDEX_BULK_SECONDS = Histogram(
    "logd_index_bulk_seconds", "Time of a bulk request to Elasticsearch.", buckets=(0.03, 0.1, 0.3, 1, 3, 10, 30)
)
INDEX_TROUBLE = Gauge("logd_index_trouble", "1 while the index takes no rows, which /readyz says why; else 0.")
INDEX_BULK_RETRIED = Counter(
    "logd_index_bulk_retried_rows", "Rows sent again because Elasticsearch had no room for them."
)

INDEX_DISK_USED_RATIO = Gauge(
    "logd_index_disk_used_ratio", "How full the fullest disk of the index is, from 0 to 1, where shedding asks for it."
)
COLD_ROWS = Counter("logd_cold_rows", "Rows of segments that went into the archive.")
COLD_FAILED = Counter("logd_cold_failed", "Times that a day of segments couldn't be moved on into the archive.")
DISK_GUARD = Gauge("logd_disk_guard", "1 while the disk with data_dir is that full, or DEBUG is dropped.", ["what"])
DISK_REFUSED = Counter("logd_disk_refused", "Bodies and shipments refused since the disk with data_dir is full.")
DISK_USED_RATIO = Gauge("logd_disk_used_ratio", "How full the disk with data_dir is, from 0 to 1.")
STAGE_HELD = Gauge("logd_stage_held", "What a bounded queue holds, in its unit.", ["stage", "unit"])
STAGE_CAPACITY = Gauge("logd_stage_capacity", "What a bounded queue may hold, in its unit.", ["stage", "unit"])
STAGE_BLOCKED_SECONDS = Counter(
    "logd_stage_blocked_seconds", "Time in which a queue was full and held up who feeds it.", ["stage"], unit="seconds"
)

PROCESSOR_LAG = Gauge("logd_processor_lag_messages", "Messages that the processor has not fetched yet.")

ARCHIVER_LAG = Gauge("logd_archiver_lag_messages", "Messages that the archiver has not fetched yet.")
ARCHIVE_ROWS = Counter("logd_archive_rows", "Rows that were put into the archive.")
ARCHIVE_FILES = Counter("logd_archive_files", "Files that were put into the archive.")
ARCHIVE_BYTES = Counter("logd_archive_bytes", "Bytes of these, with their skip indexes.", unit="bytes")
ARCHIVE_TROUBLE = Gauge("logd_archive_trouble", "1 while nothing can be archived, which /readyz says why; else 0.")
ARCHIVE_WAITING_SECONDS = Gauge(
    "logd_archive_waiting_seconds", "For how long the oldest message that was fetched waits to be archived; 0 for none."
)
ARCHIVE_COMPACTED = Counter("logd_archive_compacted_files", "Files that were compacted into others.")
ARCHIVE_DUPLICATES = Counter("logd_archive_duplicate_rows", "Rows left out by compaction, as others have their log_id.")
ARCHIVE_DELETED = Counter("logd_archive_deleted_objects", "Objects that were deleted.", ["reason"])

SEARCH_SECONDS = Histogram(
    "logd_search_seconds", "Time of a search.", buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 2, 5, 10, 30)
)
SEARCH_FAILED = Counter("logd_search_failed", "Searches that gave an error.", ["reason"])
SEARCH_SLOW = Counter("logd_search_slow", "Searches that ran for search.slow_seconds.", ["kind"])
SEARCH_RUNNING = Gauge("logd_search_running", "Searches and look-ups of ids that the engine works on now.")

CACHE_ANSWERS = Counter(
    "logd_cache_answers", "Searches and histograms that the cache might answer: hit, miss, or joined to one.", ["how"]
)
CACHE_ERRORS = Counter(
    "logd_cache_errors",
    "Calls of the cache that failed, were too slow, or weren't made as it rests after that.",
    ["reason"],
)

TAIL_CLIENTS = Gauge("logd_tail_clients", "Live tails that are open.")
TAIL_SENT = Counter("logd_tail_sent", "Lines sent to live tails.")
TAIL_MISSED = Counter("logd_tail_missed", "Lines that matched, and that a live tail was too slow for.")

ALERTER_LAG = Gauge("logd_alerter_lag_messages", "Messages that the alerter has not fetched yet.")
ALERT_LINES = Counter("logd_alert_lines", "Lines that alert rules have looked at.")
ALERT_PARSE_SECONDS = Counter("logd_alert_parse_seconds", "Time of parsing for alert rules.")
ALERT_COUNT_SECONDS = Counter("logd_alert_count_seconds", "Time of counting for alert rules, without parsing.")
ALERT_EVALUATE_SECONDS = Counter("logd_alert_evaluate_seconds", "Time of deciding what fires.")
ALERT_PAGES = Counter("logd_alert_pages", "Pages of counts published for other alerters and for a restart.")
ALERT_OTHERS = Counter(
    "logd_alert_others_lines", "Lines counted as (others), as their rule had its max_groups already.", ["rule"]
)
ALERT_FIRING = Gauge("logd_alerts", "Alerts that this alerter watches, by state.", ["state"])
ALERT_NOTIFICATIONS = Counter(
    "logd_alert_notifications",
    "Notifications that have ended, by kind: delivered, refused, or failed.",
    ["type", "result"],
)
ALERT_ATTEMPTS = Counter("logd_alert_attempts", "Attempts to deliver notifications, by kind.", ["type", "result"])
ALERT_ATTEMPT_SECONDS = Histogram(
    "logd_alert_attempt_seconds",
    "Time of an attempt to deliver a notification.",
    ["type"],
    buckets=(0.03, 0.1, 0.3, 1, 3, 10, 30),
)
ALERT_DELIVERIES = Gauge("logd_alert_deliveries", "Deliveries that a process has: waiting, or sending.", ["state"])
ALERT_LIMITED = Counter(
    "logd_alert_limited", "Deliveries that waited as their target had had enough in the last minute, by kind.", ["type"]
)
ALERT_TARGETS_OPEN = Gauge("logd_alert_targets_open", "Targets that are left alone because they failed too often.")

TIERS_WAITING = Gauge(
    "logd_tiers_waiting_days",
    "Days of policies that are past warm_days, and stay in Elasticsearch for want of a proof.",
)
TIERS_MOVES = Counter("logd_tiers_moves", "Days of policies that were moved, by where: warm or cold.", ["what"])
TIERS_DISK_USED_RATIO = Gauge(
    "logd_tiers_disk_used_ratio", "How full the fullest disk of the warm tier is, from 0 to 1."
)
