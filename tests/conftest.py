"""What every test may ask for, and what no test may do.

`database_url` is a fresh, empty database, and runs the test once on SQLite and once on PostgreSQL. `redis_url` is an
empty Valkey that no other worker process uses. A directory names the kind of its tests; unit tests that reach for a
socket, a database or a process fail.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from redis import Redis

from tests.services import Postgres, end_with_parent, running_postgres, running_valkey, service_directory

KINDS = ("unit", "integration", "e2e", "chaos")
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


def pytest_configure(config: pytest.Config) -> None:
    """A worker of xdist would finish its test, however long, before it minds that pytest was killed."""
    if hasattr(config, "workerinput"):
        end_with_parent()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the kind that its directory names."""
    here = Path(__file__).parent
    for item in items:
        kind = item.path.relative_to(here).parts[0]
        if kind in KINDS:
            item.add_marker(getattr(pytest.mark, kind))


@pytest.fixture(scope="session")
def services() -> Iterator[Path]:
    with service_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgres(services: Path) -> Iterator[Postgres]:
    with running_postgres(services) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, empty database as SQLAlchemy names it; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'postern.sqlite3'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


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
