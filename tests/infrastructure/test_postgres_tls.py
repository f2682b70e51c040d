"""PostgreSQL over TLS: its certificate is verified, and a wrong one is refused in words that say what is wrong."""

import os
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database
from app.wiring.key_check import require_keys
from tests.chaos.stage.site import Site, started_postgres, user_of_postgres
from tests.infrastructure.pieces.programs import program
from tests.support.gateway.gateways import settings_for
from tests.support.servers.tls import self_signed

# All of 127.0.0.0/8 is loopback, so each process that runs tests has an address with the usual port.
HOST = f"127.99.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
VERIFIED = "sslmode=verify-full&sslrootcert="


@pytest.fixture
def authority(site: Site) -> Path:
    """The certificate of a PostgreSQL of Debian's, which is the first one built with TLS, for this address alone."""
    binaries = Path(program("postgres", package="postgresql")).parent
    directory = site.folder("tls", user=user_of_postgres())
    shown, _ = self_signed(directory, HOST)
    key = shown.with_name("key.pem")
    key.chmod(0o600)
    if (user := user_of_postgres()) is not None:
        os.chown(key, *user)
    settings = {"listen_addresses": HOST, "ssl": "on", "ssl_cert_file": str(shown), "ssl_key_file": str(key)}
    started_postgres(site, "database", binaries=binaries, more=settings)
    return shown


def url(query: str, *, host: str = HOST) -> str:
    return f"postgresql+psycopg://postgres@{host}/postgres?{query}"


def test_a_verified_connection_is_encrypted(authority: Path) -> None:
    """With the authority that the URL names."""
    with closing(Database(url(f"{VERIFIED}{authority}"))) as database, database.asking() as connection:
        assert connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")) is True


def test_what_cannot_be_verified_is_refused_in_plain_words(
    authority: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A foreign authority, another name, and a file that is not there: in the log at the start, and in `/readyz`."""
    foreign, _ = self_signed(tmp_path, HOST)
    missing = tmp_path / "missing.pem"
    refused = {
        url(f"{VERIFIED}{foreign}"): "certificate verify failed",
        url(f"{VERIFIED}{authority}&hostaddr={HOST}", host="db.example.com"): "does not match host name",
        url(f"{VERIFIED}{missing}"): "missing.pem",
    }
    for given, words in refused.items():
        with closing(Database(given)) as database:
            with pytest.raises(ServiceUnavailable) as away, database.asking():
                pass
            assert words in database.trouble(away.value)
        require_keys(settings_for(given, "redis://127.0.0.1:1/0"))
        assert words in capsys.readouterr().out
