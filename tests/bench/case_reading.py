"""What people do with what they have found: they look around it, and take it with them. See `timing`."""

from tests.bench.ask_context import Context
from tests.bench.ask_export import Export
from tests.bench.bench import Bench
from tests.bench.http_client import Client
from tests.bench.report import Line
from tests.bench.timing import timed

_EXPORTED = 100_000


def context(bench: Bench) -> Line:
    """20 records before and after one in the middle of the corpus."""
    with Client(bench.logd().system.port) as client:
        question = Context.of(bench.corpus, client)
    return timed(bench, "context", question)


def export(bench: Bench) -> Line:
    """The newest 100,000 records, all of each."""
    return timed(bench, "export_100k", Export.of(bench.corpus, _EXPORTED))
