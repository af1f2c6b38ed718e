"""Real Kafka, Elasticsearch, MariaDB, Redis and S3 servers as child processes, for developers and tests. Linux only.

`running("kafka", folder)` is the way in for tests, `scripts/services` the one for people. A module for each kind of
server says how it is had, configured, started and asked whether it is ready; the others know nothing of kinds.
"""

from tests.services.errors import Failed, Missing
from tests.services.kinds import NAMES
from tests.services.running import Running, running

__all__ = ["NAMES", "Failed", "Missing", "Running", "running"]
