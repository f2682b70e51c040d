"""`up`, `demo`, `chaos`, `bench` and `test` in a checkout with the settings of production do not touch production."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway.production import Production, in_production, untouched
from tests.support.servers.cli import CHECKOUT, command, last_object, postern, surroundings, up

PARTS = (
    "app",
    "bench",
    "migrations",
    "server",
    "simulator",
    "tests",
    "worker",
    "config.py",
    "config_aws.py",
    "config_faults.py",
    "config_names.py",
    "config_openid.py",
    "config_outgoing.py",
    "config_requests.py",
    "config_retention.py",
    "config_smtp.py",
    "config_urls.py",
    "config_workers.py",
    "wsgi.py",
    "gunicorn.conf.py",
)
DRILL = ("chaos", "--database", "sqlite", "--seconds", "10", "--rate", "5", "--drain", "120", "--json")
BENCHMARK = ("bench", "pace", "--seconds", "1", "--runs", "1", "--json")
SUITE = ("tests/integration/cli/test_words.py", "tests/unit/house/test_config.py", "-k", "one_line or config")
FIXTURES = {"sqlite": "sqlite", "postgresql": "postgres"}
STARTS = {"sqlite": ("up", "--port", "0", "--simulator-port", "0", "--smtp-port", "0"), "postgresql": ("demo",)}


@pytest.fixture
def on_postgres(migrated_postgres_url: str, redis_url: str) -> Production:
    return in_production(migrated_postgres_url, redis_url)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def checkout(home: Path, on_postgres: Production) -> Path:
    """A copy of this checkout, with the settings of production in its `.env`.

    The bytecode comes along: the processes of the copy would compile all of it anew.
    """
    for name in PARTS:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, home / name)
        else:
            shutil.copy(CHECKOUT / name, home / name)
    shutil.copy(CHECKOUT / "pyproject.toml", home)
    on_postgres.write_env_file(home)
    return home


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_up_leaves_production_alone(request: pytest.FixtureRequest, home: Path, redis_url: str, database: str) -> None:
    """Its email goes through its own database, and production keeps its keys, its queue and its bells.

    The settings of production are in `.env` in one case, in the environment in the other.
    """
    production = in_production(request.getfixturevalue(f"migrated_{FIXTURES[database]}_url"), redis_url)
    variables = production.variables
    if database == "postgresql":
        production.write_env_file(home)
        variables = {}
    with untouched(production):
        with up(home, **variables) as gateway:
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


def test_the_demo_leaves_production_alone(on_postgres: Production, home: Path) -> None:
    """It uses its own servers, whatever is in `.env` and in the environment."""
    on_postgres.write_env_file(home)
    with untouched(on_postgres):
        played = postern("demo", "--json", cwd=home, **on_postgres.variables)
        assert played.returncode == 0, played.stderr
        assert last_object(played.stdout)["ledger_agrees"] is True


def test_a_database_that_they_did_not_create_is_refused(migrated_url: str, redis_url: str, home: Path) -> None:
    """Even with the option to use the settings of the environment; the error says what to do instead."""
    production = in_production(migrated_url, redis_url)
    production.write_env_file(home)
    with untouched(production):
        refused = postern(*STARTS[migrated_url.partition("+")[0].partition(":")[0]], "--use-environment", cwd=home)
    assert refused.returncode == 1
    assert refused.stderr.startswith("postern: the database of DATABASE_URL was not made by `./postern up` or `demo`")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [DRILL, BENCHMARK], ids=["chaos", "bench"])
def test_drills_and_benchmarks_leave_production_alone(
    checkout: Path, on_postgres: Production, words: tuple[str, ...]
) -> None:
    """They start their own servers and read no settings."""
    with untouched(on_postgres):
        done = run(checkout, *command(*words), **on_postgres.variables)
        assert done.returncode == 0, done.stderr[-4000:]


def test_the_suite_leaves_production_alone(checkout: Path, on_postgres: Production) -> None:
    """Its own results do not depend on `.env` either."""
    with untouched(on_postgres):
        words = (sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITE)
        client = {"POSTERN_URL": "http://127.0.0.1:9", "POSTERN_API_KEY": "ptn_x", "AWS_PROFILE": "production"}
        done = run(checkout, *words, **on_postgres.variables, **client)
        assert done.returncode == 0, done.stdout[-4000:]


def run(directory: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of the copy to its end."""
    variables = surroundings(**environment) | {"PYTHONPATH": str(directory), "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
    return subprocess.run(words, cwd=directory, env=variables, capture_output=True, text=True, timeout=400, check=False)
