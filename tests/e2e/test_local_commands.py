"""`up`, `bench` and `test` in a checkout with the settings of production do not touch production.

Nor do `demo` and `chaos`: see `tests.e2e.test_demo` and `tests.chaos.test_chaos`.
"""

import signal
import sys
from pathlib import Path

import pytest

from tests.support.gateway.production import Production, in_production, untouched
from tests.support.house.checkout_copy import copy_checkout, run_in_copy
from tests.support.servers.cli import command, last_object, postern, up

BENCHMARK = ("bench", "pace", "--seconds", "1", "--runs", "1", "--json")
SUITE = ("tests/integration/cli/test_words.py", "tests/unit/house/test_config.py", "-k", "one_line or config")
STARTS = {"sqlite": ("up", "--port", "0", "--simulator-port", "0", "--smtp-port", "0"), "postgresql": ("demo",)}


@pytest.fixture
def on_postgres(migrated_postgres_url: str, redis_url: str) -> Production:
    return in_production(migrated_postgres_url, redis_url)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def test_up_leaves_production_alone(
    home: Path, migrated_sqlite_url: str, on_postgres: Production, redis_url: str
) -> None:
    """Its email goes through its own database, and production keeps its keys, its queue and its bells.

    One production is in the environment, and another in `.env`.
    """
    on_sqlite = in_production(migrated_sqlite_url, redis_url)
    on_sqlite.write_env_file(home)
    with untouched(on_sqlite), untouched(on_postgres):
        with up(home, **on_postgres.variables) as gateway:
            assert gateway.ready["database_url"] == f"sqlite:///{home / 'data' / 'postern.sqlite3'}"
            gateway.arrives(gateway.submit("ann@example.net"))
            listed = postern("key", "list", "--data", "data", "--json", cwd=home)
            assert {key["app"] for key in last_object(listed.stdout)["keys"]} == {"demo", "operators"}
            suppressed = postern("suppress", "dee@example.net", "--data", "data", cwd=home)
            assert suppressed.returncode == 0, suppressed.stderr
            gateway.process.send_signal(signal.SIGTERM)
            said, _ = gateway.process.communicate(timeout=180)
        assert "it ignores AWS_REGION, CELERY_BROKER_URL, DATABASE_URL" in said
        assert "--use-environment uses them" in said


def test_a_database_that_they_did_not_create_is_refused(migrated_url: str, redis_url: str, home: Path) -> None:
    """Even with the option to use the settings of the environment; the error says what to do instead."""
    production = in_production(migrated_url, redis_url)
    production.write_env_file(home)
    with untouched(production):
        refused = postern(*STARTS[migrated_url.partition("+")[0].partition(":")[0]], "--use-environment", cwd=home)
    assert refused.returncode == 1
    assert refused.stderr.startswith("postern: the database of DATABASE_URL was not made by `./postern up` or `demo`")
    assert refused.stderr.count("\n") == 1


def test_a_benchmark_leaves_production_alone(home: Path, on_postgres: Production) -> None:
    """It starts its own servers and reads no settings."""
    copy_checkout(home, on_postgres)
    with untouched(on_postgres):
        done = run_in_copy(home, on_postgres, *command(*BENCHMARK))
        assert done.returncode == 0, done.stderr[-4000:]


def test_the_suite_leaves_production_alone(home: Path, tmp_path: Path, on_postgres: Production) -> None:
    """Its own results do not depend on `.env` either."""
    copy_checkout(home, on_postgres)
    with untouched(on_postgres):
        words = (
            sys.executable,
            "-P",
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={tmp_path}/files",
            *SUITE,
        )
        client = {"POSTERN_URL": "http://127.0.0.1:9", "POSTERN_API_KEY": "ptn_x", "AWS_PROFILE": "production"}
        done = run_in_copy(home, on_postgres, *words, **client)
        assert done.returncode == 0, done.stdout[-4000:]
