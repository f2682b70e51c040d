"""A real Valkey in cluster mode: no process starts on it, a running one survives it, and `/readyz` reports it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.web.application import create_app
from tests.support.gateway.gateways import SECRET_KEY, TOPIC, gateway_on, settings_for
from tests.support.servers.valkey import FailingValkey, failing_valkey, in_cluster_mode

CHECKOUT = Path(__file__).resolve().parents[4]
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
def cluster() -> Iterator[FailingValkey]:
    with failing_valkey(more=in_cluster_mode()) as server:
        yield server


@pytest.mark.parametrize(
    "process, name",
    [("wsgi", "REDIS_URL"), ("worker.celery", "CELERY_BROKER_URL"), ("worker.beat", "CELERY_BROKER_URL")],
)
def test_no_process_starts_on_a_cluster(cluster: FailingValkey, tmp_path: Path, process: str, name: str) -> None:
    """The line names the variable and the reason, without a traceback."""
    urls = {"REDIS_URL": NOWHERE, "CELERY_BROKER_URL": NOWHERE} | {name: cluster.url}
    variables = {"SECRET_KEYS": SECRET_KEY, "SNS_TOPIC_ARNS": TOPIC, "PYTHONPATH": str(CHECKOUT)} | urls
    ended = subprocess.run(
        [sys.executable, "-c", f"import {process}"],
        env={"PATH": os.environ["PATH"]} | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == (3 if process == "wsgi" else 1)
    assert f"{name}: is a Redis Cluster" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_redis_that_is_away_stops_no_process(migrated_sqlite_url: str) -> None:
    """It may not be a cluster at all."""
    assert create_app(settings_for(migrated_sqlite_url, NOWHERE)) is not None


def test_readyz_reports_a_cluster(cluster: FailingValkey, migrated_sqlite_url: str) -> None:
    """A Redis may become one while the gateway runs."""
    with gateway_on(migrated_sqlite_url, cluster.url) as gateway:
        checks = {check.name: check for check in gateway.health.ready()}
        for name in ("redis", "broker"):
            assert not checks[name].ok
            assert "Redis Cluster" in checks[name].detail
