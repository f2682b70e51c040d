"""The oldest PostgreSQL and the oldest Redis that Postern is meant for: the store and the main loop run on them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.infrastructure.pieces.programs import program, version_of
from tests.support.servers.cli import CHECKOUT, PATIENCE_S
from tests.support.servers.servers import OTHER_POSTGRES, OTHER_REDIS

POSTGRES: Final = Path("/usr/lib/postgresql/15/bin")
REDIS: Final = "7.0"
PART: Final = (
    "tests/integration/house/test_servers.py",
    "tests/integration/house/test_main_loop.py",
    "tests/integration/house/migrations/test_migrations.py::test_migrations_agree_with_the_models",
    "tests/integration/feedback/test_receive.py",
    "tests/integration/sending/test_claims.py",
    "tests/integration/sending/test_record.py",
    "tests/integration/sending/test_send_rate.py",
    "tests/integration/submission/test_commit.py",
    "tests/integration/suppression/test_gate.py",
)


def test_the_store_and_the_main_loop_run_on_the_oldest_servers(tmp_path: Path) -> None:
    """The same tests as on the newest ones; any other test can be run so, as CONTRIBUTING.md says."""
    redis = program("redis-server", package="redis-server")
    if not POSTGRES.exists() or not version_of(redis).startswith(REDIS):
        pytest.skip(f"PostgreSQL 15 or Redis {REDIS} is missing: apt-get install postgresql-15 redis-server")
    options = ("-n0", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path}/files", "-k", "not sqlite")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *PART],
        cwd=CHECKOUT,
        env=os.environ | {OTHER_POSTGRES: str(POSTGRES), OTHER_REDIS: redis},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
