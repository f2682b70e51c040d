"""Credentials that something else rotates are taken without a restart, by both transports."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.aws import credentials
from app.aws.clients import sesv2_client
from app.aws.credentials import FileCredentials, following_session
from app.aws.ses.fast_client import fast_client
from app.aws.ses.mailer import SesMailer
from app.domain.sending.call_outcome import Envelope
from tests.support.aws.aws_stub import surround
from tests.support.servers.keepalive_server import Endpoint

ENVELOPE = Envelope(sender="news@example.com", recipient="ann@example.org", raw=b"Subject: Hi\r\n\r\nHi\r\n", tags=())
FILES = {"AWS_SHARED_CREDENTIALS_FILE": "[default]", "AWS_CONFIG_FILE": "[default]"}
TRANSPORTS: dict[str, Callable[[], Any]] = {
    "boto3": lambda: sesv2_client("eu-west-1", pool=2),
    "fast": lambda: fast_client("eu-west-1", clock=lambda: datetime.now(UTC)),
}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine's owner, and every look at a file is due."""
    surround(monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(credentials, "LOOK_EVERY_S", 0.0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with closing(Endpoint()) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", server.url)
        yield server


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that botocore reads the credentials of, by each of the two names."""
    written = tmp_path / "rotated"
    for name in FILES:
        monkeypatch.setenv(name, str(written if name == request.param else tmp_path / "none"))
    return written


def write(file: Path, key: str, token: str) -> None:
    """As something writes it that replaces the whole file at once."""
    new = file.with_suffix(".new")
    new.write_text(
        f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret-{key}\naws_session_token = {token}\n"
    )
    new.replace(file)


def used(server: Endpoint) -> tuple[str, str | None]:
    """The key and the token of the last request."""
    _, headers, _ = server.requests[-1]
    return headers["authorization"].partition("Credential=")[2].partition("/")[0], headers.get("x-amz-security-token")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_rotated_file_counts_for_the_next_call(server: Endpoint, file: Path, transport: str) -> None:
    """Key and token together; while the file is missing or half written, the last credentials are used."""
    write(file, "AKIDOLD", "old")
    with closing(TRANSPORTS[transport]()) as client:
        mailer = SesMailer(client, configuration_set=None)
        mailer.send(ENVELOPE)
        assert used(server) == ("AKIDOLD", "old")
        write(file, "AKIDNEW", "new")
        mailer.send(ENVELOPE)
        assert used(server) == ("AKIDNEW", "new")
        for harm in (
            lambda: file.write_text("[default]\naws_access_key_id = AKID"),
            lambda: file.write_text("["),
            file.unlink,
        ):
            harm()
            mailer.send(ENVELOPE)
            assert used(server) == ("AKIDNEW", "new")
        write(file, "AKIDTHIRD", "third")
        mailer.send(ENVELOPE)
        assert used(server) == ("AKIDTHIRD", "third")


def test_a_file_is_looked_at_once_a_second(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call for each email must not cost one of the file system."""
    monkeypatch.setattr(credentials, "LOOK_EVERY_S", 1.0)
    now = [0.0]
    write(file, "AKIDOLD", "old")
    found = following_session().get_credentials()
    assert isinstance(found, FileCredentials)
    found = FileCredentials(found, file, read=following_session().get_credentials, monotonic=lambda: now[0])
    write(file, "AKIDNEW", "new")
    now[0] = 0.9
    assert found.get_frozen_credentials().access_key == "AKIDOLD"
    now[0] = 1.0
    assert found.get_frozen_credentials().access_key == "AKIDNEW"
