"""What is really loaded: import-linter sees the statements, this the modules."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"duckdb", "pyarrow", "numpy", "aiohttp", "lark"}
EVERY_MODULE_OF_THE_AGENT = """
import importlib, pkgutil, logd.agent
for module in pkgutil.walk_packages(logd.agent.__path__, "logd.agent."):
    importlib.import_module(module.name)
"""

EVERYTHING_BY_DEFAULT = """
import asyncio, tempfile
from logd.config.schema import Config
from logd.roles import alert_wiring, api, catalog_wiring, processor, wiring
with tempfile.TemporaryDirectory() as folder:
    config = Config(data_dir=folder)
    for opened in (catalog_wiring.open_catalog, wiring.open_objects, alert_wiring.open_partials):
        asyncio.run(opened(config))
    wiring.open_cache(config)
"""


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        (EVERY_MODULE_OF_THE_AGENT, HEAVY),
        ("import logd.server, logd.roles.agent, logd.roles.health, logd.roles.wiring", HEAVY | {"aiokafka"}),
        ("import logd.config.load", HEAVY),
        ("import logd.alerts.notify.notifier", (HEAVY - {"aiohttp"}) | {"aiosmtplib"}),
        (EVERYTHING_BY_DEFAULT, {"aiomysql", "pymysql", "redis", "aiobotocore", "botocore"}),
        ("import logd.cli.main", HEAVY | {"msgspec", "asyncio", "urllib.request"}),
        ("import logd.cli.ask, logd.cli.hits, logd.cli.search", HEAVY | {"msgspec", "asyncio"}),
    ],
)
def test_light(code: str, unwanted: set[str]) -> None:
    output = subprocess.check_output([sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], text=True)
    assert unwanted & set(output.split()) == set()
