"""Every case by its name, in the order in which they run: what loads first, then what mustn't follow a search."""

from collections.abc import Callable, Mapping, Sequence

from tests.bench import case_counts, case_newest, case_stats, case_tiers_archive
from tests.bench.bench import Bench
from tests.bench.case_agent import agent_backlog, agent_catch_up, agent_quiet, agent_steady
from tests.bench.case_alerts import alerts_100, alerts_1000
from tests.bench.case_alerts_told import alerts_latency, alerts_restart
from tests.bench.case_chunks import small_chunks
from tests.bench.case_cluster import cluster_four, cluster_rss, cluster_sink, cluster_small_chunks
from tests.bench.case_cluster_agent import cluster_agent
from tests.bench.case_cluster_elasticsearch import cluster_elasticsearch
from tests.bench.case_cluster_latency import cluster_latency
from tests.bench.case_cluster_search import cluster_search
from tests.bench.case_dashboards import cached, dashboards
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
from tests.bench.case_patterns import patterns, patterns_hour, top_errors
from tests.bench.case_reading import context, export
from tests.bench.case_shape import shape_calm, shape_drop, shape_fields, shape_redact, shape_sample, shape_spike
from tests.bench.case_storm import storm
from tests.bench.case_tail import tail
from tests.bench.case_tiers_cold import tiers_cold
from tests.bench.case_tiers_restore import tiers_restore
from tests.bench.case_web_explore import web_explore, web_scroll
from tests.bench.case_web_pages import web_bundle, web_first_paint
from tests.bench.case_web_tail import web_tail
from tests.bench.report import Line

Case = Callable[[Bench], Line]

CASES: Mapping[str, Case] = {
    "ingest": ingest,
    "ingest_rss": ingest_rss,
    "cpu_until_quiet": cpu_until_quiet,
    "bytes_a_line": bytes_a_line,
    **case_newest.CASES,
    **case_counts.CASES,
    **case_stats.CASES,
    "patterns": patterns,
    "patterns_hour": patterns_hour,
    "top_errors": top_errors,
    "context": context,
    "export_100k": export,
    "cached": cached,
    "dashboards": dashboards,
    "storm": storm,
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
    "alerts_100": alerts_100,
    "alerts_1000": alerts_1000,
    "alerts_latency": alerts_latency,
    "alerts_restart": alerts_restart,
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
    "cluster_search": cluster_search,
    **case_tiers_archive.CASES,
    "tiers_cold": tiers_cold,
    "tiers_restore": tiers_restore,
    "web_bundle": web_bundle,
    "web_first_paint": web_first_paint,
    "web_explore": web_explore,
    "web_tail": web_tail,
    "web_scroll": web_scroll,
}

#: Names for several cases.
GROUPS: Mapping[str, Sequence[str]] = {
    "search": [
        *case_newest.CASES,
        *case_counts.CASES,
        *case_stats.CASES,
        *("patterns", "patterns_hour", "top_errors", "context", "export_100k", "cached"),
        *("dashboards", "storm"),
    ],
    "stats": list(case_stats.CASES),
    "parse": [name for name in CASES if name.startswith(("parse_", "shape_"))],
    "alerts": [name for name in CASES if name.startswith("alerts_")],
    "agent": [name for name in CASES if name.startswith("agent_")],
    "cluster": [name for name in CASES if name.startswith("cluster_")],
    "tiers": [name for name in CASES if name.startswith("tiers_")],
    "web": [name for name in CASES if name.startswith("web_")],
}

#: Run without being named. The others wait a minute and a half until all is merged and indexed; `small_chunks` is about
#: two servers of its own, those of the cluster start real engines, and those of the web a browser.
DEFAULT = ("ingest", "ingest_rss", "newest100_word", "newest100_word_total", "latency", "tail")
