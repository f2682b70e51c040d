"""`/healthz`, `/readyz` and the start of the process, as an operator's machinery uses them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway.gateways import SECRET_KEY
from tests.support.gateway.web import Web, body_of, problem_of, web_on

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


def test_a_process_that_answers_is_alive(web: Web) -> None:
    """Without a call to any other server."""
    assert body_of(web.client.get("/healthz")) == {"status": "ok"}
    assert web.client.head("/healthz").status_code == 200


def test_readiness_needs_a_worker(web: Web) -> None:
    """Emails would be accepted and wait: 503 names the missing part among all checks; with a worker it is 200."""
    answer = web.client.get("/readyz")
    problem = problem_of(answer, 503, "service_unavailable")
    assert [fault["code"] for fault in problem["errors"]] == ["worker"]
    assert {check["name"]: check["ok"] for check in problem["checks"]} == {
        "database": True,
        "migrations": True,
        "keys": True,
        "worker": False,
        "redis": True,
        "broker": False,
        "sweeps": False,
        "circuits": True,
        "signing_certificate": True,
    }
    assert "Retry-After" in answer.headers
    web.gateway.workforce.beat("worker-1")
    ready = body_of(web.client.get("/readyz"))
    assert ready["status"] == "ready"
    assert all(check["ok"] for check in ready["checks"] if check["required"])


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_database_that_is_away_is_reported(web: Web, sqlite_file: Path) -> None:
    """Not ready, and still alive: restarting this process would not bring the database back."""
    web.gateway.database.close()
    sqlite_file.unlink()
    sqlite_file.mkdir()
    problem = problem_of(web.client.get("/readyz"), 503, "service_unavailable")
    assert "database" in [fault["code"] for fault in problem["errors"]]
    assert web.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "variables, message",
    [({"SECRET_KEYS": SECRET_KEY}, "SNS_TOPIC_ARNS"), ({"SECRET_KEYS": "short"}, "SECRET_KEYS")],
    ids=["no topic", "bad key"],
)
def test_an_unusable_configuration_ends_the_process(variables: dict[str, str], message: str, tmp_path: Path) -> None:
    """With the name of the variable, and without a traceback or the value."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **variables}
    ended = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "short" not in ended.stderr
