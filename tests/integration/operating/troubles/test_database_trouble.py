"""When the database cannot be used, the operator reads which server said what; a client does not."""

import json
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database
from app.wiring.key_check import require_keys
from config import Settings
from tests.support.gateway.gateways import settings_for
from tests.support.servers.servers import Postgres


def trouble_of(url: str) -> str:
    """What the operator reads of the first use of this database."""
    database = Database(url)
    with pytest.raises(ServiceUnavailable) as away, database.reading():
        pass
    assert away.value.detail == "The database did not answer in time; repeat the request."
    return database.trouble(away.value)


def test_a_refused_password_is_reported_with_its_user_and_server(postgres: Postgres) -> None:
    """And never the password itself."""
    url = make_url(postgres.url("postgres")).set(username="stranger", password="hidden-value")
    trouble = trouble_of(url.render_as_string(hide_password=False))
    assert "stranger" in trouble
    assert "hidden-value" not in trouble
    assert trouble.startswith("The server at ")
    assert trouble.count("\n") == 0


@pytest.mark.parametrize(
    "url, sentence",
    [
        (
            "postgresql+psycopg://postern:secret@127.0.0.1:1/postern",
            "The server at 127.0.0.1:1, database postern, cannot be used: Connection refused.",
        ),
        (
            "postgresql+psycopg://postern:secret@database.invalid/postern",
            "The server at database.invalid:5432, database postern, cannot be used: failed to resolve host",
        ),
        (
            "postgresql+psycopg://postern@/postern?host=127.0.0.1:1&host=127.0.0.1:2&target_session_attrs=read-write",
            "The server at 127.0.0.1:1 or 127.0.0.1:2, database postern, cannot be used: Connection refused.",
        ),
        ("sqlite:////nowhere/postern.sqlite3", "The file /nowhere/postern.sqlite3 cannot be used: unable to open"),
    ],
)
def test_a_database_that_is_not_there_is_named(url: str, sentence: str) -> None:
    """As the URL names it."""
    assert trouble_of(url).startswith(sentence)


def test_a_database_that_does_not_exist_is_named_by_its_server(postgres: Postgres) -> None:
    """In the words of PostgreSQL."""
    assert 'database "lost" does not exist' in trouble_of(postgres.url("lost"))


def test_a_process_says_it_once_when_it_starts(
    tmp_path: Path, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And starts all the same, since the database may be back soon."""
    settings: Settings = settings_for("postgresql+psycopg://postern:secret@127.0.0.1:1/postern", redis_url)
    require_keys(settings)
    printed = capsys.readouterr().out
    assert printed.count("database_not_usable") == 1
    assert "127.0.0.1:1" in printed
    assert "secret@" not in json.dumps(printed)
