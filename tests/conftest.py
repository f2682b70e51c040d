"""What every test may ask for, and what no test may do.

`database_url` is a fresh, empty database, and runs the test once on SQLite and once on PostgreSQL; `migrated_url` is
the same with the tables of today, copied from a template, and `gateway` a gateway on it. `redis_url` is an empty Valkey
that no other worker process uses. A directory names the kind of its tests; unit tests that reach for a socket, a
database or a process fail.
"""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import botocore.session
import pytest
import structlog
from botocore.loaders import create_loader
from hypothesis import settings
from redis import Redis

from app.wiring import Gateway, build
from tests.dealing import dealt
from tests.gateways import ScriptedMailer, migrate, settings_for
from tests.services import Postgres, end_with_parent, running_postgres, running_valkey, service_directory

KINDS = ("unit", "integration", "mutants", "e2e", "chaos")
REFUSED_IN_UNIT_TESTS = ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.fork")

# Two shared cores make any deadline a coin toss, and a failure must be the same in the next run.
settings.register_profile("postern", deadline=None, derandomize=True)
settings.load_profile("postern")


class Guard:
    """An audit hook, which Python never removes, with a switch."""

    def __init__(self) -> None:
        self.armed = False

    def __call__(self, event: str, _arguments: tuple[object, ...]) -> None:
        if self.armed and event in REFUSED_IN_UNIT_TESTS:
            raise RuntimeError(f"a unit test does no I/O, but this one reached {event}: move it to tests/integration")


@pytest.fixture(scope="session")
def io_guard() -> Guard:
    guard = Guard()
    sys.addaudithook(guard)
    return guard


@pytest.fixture(autouse=True)
def no_io_in_unit_tests(request: pytest.FixtureRequest, io_guard: Guard) -> Iterator[None]:
    io_guard.armed = request.node.get_closest_marker("unit") is not None
    yield
    io_guard.armed = False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: of the time of all tests, much is waiting, for processes to start and time to pass."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    """A worker of xdist would finish its test, however long, before it minds that pytest was killed."""
    if hasattr(config, "workerinput"):
        end_with_parent()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with the kind that its directory names, and let the long ones be the first of each worker."""
    here = Path(__file__).parent
    for item in items:
        kind = item.path.relative_to(here).parts[0]
        if kind in KINDS:
            item.add_marker(getattr(pytest.mark, kind))
    workers = config.workerinput["workercount"] if hasattr(config, "workerinput") else 1
    items[:] = dealt(items, workers=workers)


@pytest.fixture(autouse=True)
def logging_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test makes of the logging ends with it: no logger remembers how it was for that test."""
    configure, root = structlog.configure, logging.getLogger()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr(structlog, "configure", lambda **how: configure(**how | {"cache_logger_on_first_use": False}))
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    if root.handlers is not handlers:
        root.handlers = handlers
    root.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def aws_described_once() -> Iterator[None]:
    """Botocore reads its description of AWS for every session afresh, and asks the machine whether it is one of AWS's.

    For a gateway that is half of what it costs to build.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(create_loader))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def services() -> Iterator[Path]:
    with service_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgres(services: Path) -> Iterator[Postgres]:
    with running_postgres(services) as server:
        yield server


@pytest.fixture
def sqlite_file(services: Path) -> Iterator[Path]:
    """Where a test may have its SQLite database: nothing is there yet."""
    with TemporaryDirectory(dir=services) as directory:
        yield Path(directory) / "postern.sqlite3"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh, empty database as SQLAlchemy names it; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('sqlite_file')}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(scope="session")
def sqlite_template(services: Path) -> Path:
    """A migrated SQLite file that nobody is connected to."""
    file = services / "template.sqlite3"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """A migrated PostgreSQL database that nobody is connected to."""
    name = postgres.create_database()
    migrate(postgres.url(name))
    return name


@pytest.fixture
def migrated_sqlite_url(sqlite_template: Path, sqlite_file: Path) -> str:
    shutil.copy(sqlite_template, sqlite_file)
    return f"sqlite:///{sqlite_file}"


@pytest.fixture
def migrated_postgres_url(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    name = postgres.create_database(template=postgres_template)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A fresh database with the tables of today; the test runs once on each kind."""
    kind = "migrated_sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    return str(request.getfixturevalue(kind))


@pytest.fixture
def mailer() -> ScriptedMailer:
    return ScriptedMailer()


@pytest.fixture
def gateway(migrated_url: str, redis_url: str, mailer: ScriptedMailer, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on a fresh database and an empty Valkey, in which `mailer` answers in place of SES."""
    built = build(settings_for(migrated_url, redis_url, flight_dir=tmp_path / "flight"), mailer=mailer)
    yield built
    built.close()


@pytest.fixture(scope="session")
def valkey_url(services: Path) -> Iterator[str]:
    with running_valkey(services) as url:
        yield url


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """A Valkey of this worker process's own, empty, on a unix socket."""
    with Redis.from_url(valkey_url) as client:
        client.flushall()
    return valkey_url
