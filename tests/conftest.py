"""The fixtures for every test, and the limits on what a test may do.

`database_url` is a fresh, empty database, and runs the test once on SQLite and once on PostgreSQL; `migrated_url` is
the same with the current tables, copied from a template, and `gateway` a gateway on it. `redis_url` is an empty Valkey
that no other worker process uses. The directory of a test decides its kind; unit tests that open a socket, a database
or a process fail.
"""

import gc
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog
from hypothesis import settings
from redis import Redis

from app.aws.ses.account import SesAccount
from app.cli.shell.operated_gateway import isolate
from app.store.engine import database
from app.wiring.gateway import Gateway, build
from tests.support.gateway.gateways import ScriptedMailer, migrate, settings_for
from tests.support.gateway.orderings import dealt
from tests.support.libraries.made_once import made_once
from tests.support.servers.servers import (
    Postgres,
    end_with_parent,
    running_postgres,
    running_valkey,
    servers_of_parent,
    service_directory,
)

KINDS = ("unit", "integration", "mutants", "e2e", "chaos", "infrastructure")
REFUSED_IN_UNIT_TESTS = ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.fork")

# On two shared cores any deadline fails at random, and a failure must be the same in the next run.
settings.register_profile("postern", deadline=None, derandomize=True)
settings.load_profile("postern")


class Guard:
    """An audit hook, which Python never removes, with a switch to turn it off."""

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
    """Twice as many as there are processors: the long tests, of real processes, wait for much of their time."""
    return (os.cpu_count() or 1) * 2


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--infrastructure",
        action="store_true",
        help="run tests/infrastructure, whose pieces are Debian's packages, and no other test",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect the tests with infrastructure by their option only, and then no others. None leaves it to pytest."""
    is_kind = collection_path.parent == Path(__file__).parent and collection_path.is_dir()
    others = is_kind and (collection_path.name == "infrastructure") is not config.getoption("infrastructure")
    return others or None


def pytest_configure(config: pytest.Config) -> None:
    """No test sees the settings of the person who runs it, and no worker of xdist outlives a pytest that was killed.

    Otherwise such a worker would finish its test, however long, before it notices.
    """
    isolate()
    gc.disable()  # collecting leaves no garbage, and looking for it takes a fifth of the time
    # A test process that waits for a busy machine must not have its transactions ended as those of a stalled one.
    patch = pytest.MonkeyPatch()
    patch.setattr(database, "TRANSACTION_MAY_IDLE_S", 60)
    config.add_cleanup(patch.undo)
    if hasattr(config, "workerinput"):
        end_with_parent()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with the kind that its directory names, and put the long tests first in each worker."""
    here = Path(__file__).parent
    for item in items:
        kind = item.path.relative_to(here).parts[0]
        if kind in KINDS:
            item.add_marker(getattr(pytest.mark, kind))
    workers = config.workerinput["workercount"] if hasattr(config, "workerinput") else 1
    items[:] = dealt(items, workers=workers)


def pytest_collection_finish() -> None:
    """Everything imported and collected so far stays until the end, so the garbage collector can skip it.

    A test makes and drops tens of thousands of objects. With Python's threshold of 700 the collector took a tenth of
    the time of all tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


@pytest.fixture(autouse=True)
def logging_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test's changes to logging end with it: no logger keeps its configuration.

    Tracebacks are plain: structlog's own come with all variables, drawn by rich. That takes longer than the code
    under test, and services log inside transactions that others wait for.
    """
    configure, root = structlog.configure, logging.getLogger()
    handlers, level = root.handlers, root.level
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    configure(processors=[*structlog.get_config()["processors"][:-1], plain], cache_logger_on_first_use=False)
    monkeypatch.setattr(structlog, "configure", lambda **how: configure(**how | {"cache_logger_on_first_use": False}))
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    if root.handlers is not handlers:
        root.handlers = handlers
    root.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def once() -> Iterator[None]:
    with made_once():
        yield


@pytest.fixture(scope="session")
def services() -> Iterator[Path]:
    with service_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgres(services: Path) -> Iterator[Postgres]:
    lent = servers_of_parent()
    running = nullcontext(Postgres(Path(lent["postgres"]))) if lent else running_postgres(services)
    with running as server, server.connected():
        yield server


@pytest.fixture
def sqlite_file(services: Path) -> Iterator[Path]:
    """The path for a test's SQLite database: no file is there yet."""
    with TemporaryDirectory(dir=services) as directory:
        yield Path(directory) / "postern.sqlite3"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh, empty database as a SQLAlchemy URL; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('sqlite_file')}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(scope="session")
def sqlite_template(services: Path) -> Path:
    """A migrated SQLite file that nothing is connected to."""
    lent = servers_of_parent()
    if "sqlite_template" in lent:
        return Path(lent["sqlite_template"])
    file = services / "template.sqlite3"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """A migrated PostgreSQL database that nothing is connected to."""
    lent = servers_of_parent()
    if "postgres_template" in lent:
        return lent["postgres_template"]
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
    """A fresh database with the current tables; the test runs once on each kind."""
    kind = "migrated_sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    return str(request.getfixturevalue(kind))


@pytest.fixture
def mailer() -> ScriptedMailer:
    return ScriptedMailer()


@pytest.fixture
def account() -> SesAccount | None:
    """What answers in place of the account at SES; None for SES itself. A module may have its own."""
    return None


@pytest.fixture
def gateway(
    migrated_url: str, redis_url: str, mailer: ScriptedMailer, account: SesAccount | None, tmp_path: Path
) -> Iterator[Gateway]:
    """A gateway on a fresh database and an empty Valkey, in which `mailer` and `account` answer in place of SES."""
    settings = settings_for(migrated_url, redis_url, flight_dir=tmp_path / "flight")
    built = build(settings, mailer=mailer, account=account)
    yield built
    built.close()


@pytest.fixture(scope="session")
def valkey_url(services: Path) -> Iterator[str]:
    lent = servers_of_parent()
    if lent:
        yield lent["valkey"]
        return
    with running_valkey(services) as url:
        yield url


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """An empty Valkey that belongs to this worker process, on a unix socket."""
    with Redis.from_url(valkey_url) as client:
        client.flushall()
    return valkey_url
