"""What a process imports before it does anything: commands, workers and the SMTP door do without the web's libraries.

Flask and what comes with it take 0.8 s of CPU, of 1.9 s that a command needs to start. Beat does without the database
and AWS, too: that is three quarters of the CPU that a worker takes to start, and half of its memory.
"""

from functools import cache

import pytest

from tests.support.house.sources import Source, imports, sources

ONLY_FOR_THE_WEB = {"flask", "werkzeug", "jinja2"}
NOT_FOR_BEAT = {"alembic", "app.aws", "app.wiring", "boto3", "botocore", "psycopg", "sqlalchemy", *ONLY_FOR_THE_WEB}
NOT_FOR_THE_LAUNCHER = {"app", "config", "pip"}
NO_WEB = ("app.cli.main", "worker.celery", "worker.tasks", "app.smtp.__main__", "app.wiring.gateway")


@cache
def by_module() -> dict[str, Source]:
    return {source.module: source for source in sources()}


def imported_by(entrance: str) -> set[str]:
    """The dotted names of all that `entrance` imports, by whatever path, with the packages that they are in."""
    found, left = set[str](), {entrance}
    while left:
        name = left.pop()
        found.add(name)
        source = by_module().get(name)
        names = {one for _, one in imports(source)} if source else set()
        left |= {package for one in names for package in packages(one)} - found
    return found


def packages(name: str) -> set[str]:
    """The name itself and those of the packages around it, which Python imports first."""
    parts = name.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}


@pytest.mark.parametrize("entrance", NO_WEB)
def test_only_the_web_imports_its_libraries(entrance: str) -> None:
    """No command, no worker and no SMTP door waits for Flask, by whatever path."""
    assert imported_by(entrance) & ({"app.web"} | ONLY_FOR_THE_WEB) == set()


def test_beat_imports_no_database_and_nothing_of_aws() -> None:
    """It only rings."""
    assert imported_by("worker.beat") & NOT_FOR_BEAT == set()


@pytest.mark.parametrize("entrance", ["wsgi", "worker.celery", "worker.beat", "app.smtp.__main__"])
def test_opentelemetry_is_imported_only_where_traces_are_on(entrance: str) -> None:
    """Its adapter is found by name, once an endpoint is set. Without one, it need not even be installed."""
    assert imported_by(entrance) & {"opentelemetry", "app.open_telemetry"} == set()


def test_help_is_printed_without_an_import_of_ours() -> None:
    """`./postern --help` answers from a file, before anything is installed or imported."""
    assert imported_by("postern") & NOT_FOR_THE_LAUNCHER == set()


def test_the_paths_are_followed() -> None:
    """The web application is found to import Flask, and a command what it needs."""
    assert imported_by("wsgi") >= ONLY_FOR_THE_WEB
    assert {"sqlalchemy", "app.domain.errors"} <= imported_by("app.cli.main")
    assert {"boto3", "sqlalchemy", "app.wiring"} <= imported_by("worker.celery")
