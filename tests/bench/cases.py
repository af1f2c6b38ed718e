"""Every case by its name, in the order in which they run: what loads first, then what mustn't follow a search."""

from collections.abc import Callable, Mapping, Sequence

from tests.bench.bench import Bench
from tests.bench.case_agent import agent_backlog, agent_catch_up, agent_quiet, agent_steady
from tests.bench.case_chunks import small_chunks
from tests.bench.case_cluster import cluster_four, cluster_rss, cluster_sink, cluster_small_chunks
from tests.bench.case_cluster_agent import cluster_agent
from tests.bench.case_cluster_elasticsearch import cluster_elasticsearch
from tests.bench.case_cluster_latency import cluster_latency
from tests.bench.case_ingest import bytes_a_line, cpu_until_quiet, ingest, ingest_rss
from tests.bench.case_latency import latency
from tests.bench.case_parse import (
    parse_auto,
    parse_combined,
    parse_grok,
    parse_json_known,
    parse_json_unknown,
    parse_logfmt,
    parse_syslog,
)
from tests.bench.case_patterns import patterns
from tests.bench.case_search import (
    counts_1s_level,
    counts_10s_level,
    newest100_absent,
    newest100_all,
    newest100_inner_wildcard,
    newest100_level,
    newest100_level_service,
    newest100_not,
    newest100_numeric_range,
    newest100_phrase,
    newest100_prefix,
    newest100_raw_regex,
    newest100_word,
    newest100_word_service,
    newest100_word_total,
    oldest100_all,
    oldest100_word,
    page_5000,
    stats_avg_service,
    stats_hosts_word,
    stats_levels_hour,
    stats_p99_service,
    stats_services,
    stats_users,
    trace_id,
)
from tests.bench.case_shape import shape_calm, shape_drop, shape_fields, shape_redact, shape_sample, shape_spike
from tests.bench.case_tail import tail
from tests.bench.report import Line

Case = Callable[[Bench], Line]

CASES: Mapping[str, Case] = {
    "ingest": ingest,
    "ingest_rss": ingest_rss,
    "cpu_until_quiet": cpu_until_quiet,
    "bytes_a_line": bytes_a_line,
    "newest100_word": newest100_word,
    "newest100_word_total": newest100_word_total,
    "newest100_word_service": newest100_word_service,
    "newest100_phrase": newest100_phrase,
    "newest100_level": newest100_level,
    "newest100_level_service": newest100_level_service,
    "newest100_not": newest100_not,
    "newest100_prefix": newest100_prefix,
    "newest100_inner_wildcard": newest100_inner_wildcard,
    "newest100_raw_regex": newest100_raw_regex,
    "newest100_numeric_range": newest100_numeric_range,
    "newest100_absent": newest100_absent,
    "newest100_all": newest100_all,
    "page_5000": page_5000,
    "oldest100_all": oldest100_all,
    "oldest100_word": oldest100_word,
    "count_10s_level": counts_10s_level,
    "histogram_level": counts_1s_level,
    "one_trace_id": trace_id,
    "stats_services": stats_services,
    "stats_hosts_word": stats_hosts_word,
    "stats_levels_hour": stats_levels_hour,
    "stats_p99_service": stats_p99_service,
    "stats_avg_service": stats_avg_service,
    "stats_users": stats_users,
    "patterns": patterns,
    "latency": latency,
    "tail": tail,
    "small_chunks": small_chunks,
    "parse_json_known": parse_json_known,
    "parse_json_unknown": parse_json_unknown,
    "parse_combined": parse_combined,
    "parse_grok": parse_grok,
    "parse_logfmt": parse_logfmt,
    "parse_syslog": parse_syslog,
    "parse_auto": parse_auto,
    "shape_drop": shape_drop,
    "shape_sample": shape_sample,
    "shape_redact": shape_redact,
    "shape_fields": shape_fields,
    "shape_calm": shape_calm,
    "shape_spike": shape_spike,
    "agent_catch_up": agent_catch_up,
    "agent_steady": agent_steady,
    "agent_quiet": agent_quiet,
    "agent_backlog": agent_backlog,
    "cluster_sink": cluster_sink,
    "cluster_small_chunks": cluster_small_chunks,
    "cluster_four": cluster_four,
    "cluster_rss": cluster_rss,
    "cluster_agent": cluster_agent,
    "cluster_elasticsearch": cluster_elasticsearch,
    "cluster_latency": cluster_latency,
}

#: Names for several cases.
GROUPS: Mapping[str, Sequence[str]] = {
    "search": [
        *(name for name in CASES if name.startswith(("newest100_", "oldest100_", "stats_"))),
        *("page_5000", "count_10s_level", "histogram_level", "one_trace_id", "patterns"),
    ],
    "stats": [name for name in CASES if name.startswith("stats_")],
    "parse": [name for name in CASES if name.startswith(("parse_", "shape_"))],
    "agent": [name for name in CASES if name.startswith("agent_")],
    "cluster": [name for name in CASES if name.startswith("cluster_")],
}

#: Run without being named. The others wait a minute and a half until all is merged and indexed; `small_chunks` is about
#: two servers of its own, and those of the cluster start real engines.
DEFAULT = ("ingest", "ingest_rss", "newest100_word", "newest100_word_total", "latency", "tail")
