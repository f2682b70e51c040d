"""Keys that change while the gateway works: OLD; OLD,NEW; NEW,OLD; NEW. Nothing is lost on the way."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.credentials import ReadOnlyCredentials
from sqlalchemy import LargeBinary
from standardwebhooks import Webhook

from app.domain.apps.callers import Scope
from app.domain.errors import ServiceUnavailable
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating.health import Check
from app.store.engine.clock import host_clock
from app.store.operating.sealed_rows import KINDS
from app.store.tables.core import metadata
from app.wiring.gateway import Gateway
from tests.support.aws.ses_events import about, bring
from tests.support.aws.signing import signed_by_botocore
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.forgetting import forget, with_account
from tests.support.gateway.gateways import TOPIC, ScriptedMailer, caller, gateway_on, issue
from tests.support.gateway.rows import make_due, recipient_of, rows
from tests.support.gateway.web import AccountList
from tests.support.servers.cli import surroundings
from tests.support.webhooks.endpoints import scripted, subscribe

OLD, NEW = "tests-only-the-older-key-0123456789abcdefgh", "tests-only-the-newer-key-0123456789abcdefgh"
ANN, BOB = "ann@example.net", "bob@example.net"
WEB = (sys.executable, "-c", "import wsgi")
PHASES = (OLD, f"{OLD},{NEW}", f"{NEW},{OLD}", NEW)


@pytest.fixture
def mailer() -> ScriptedMailer:
    return ScriptedMailer()


class Processes:
    """Starts gateways on one database, each with a key ring of its own, like processes during a rotation."""

    def __init__(self, database_url: str, redis_url: str, mailer: ScriptedMailer) -> None:
        self._where = (database_url, redis_url)
        self._mailer = mailer

    @contextmanager
    def __call__(self, ring: str) -> Iterator[Gateway]:
        with gateway_on(*self._where, mailer=self._mailer, secret_keys=ring) as gateway:
            yield gateway


@pytest.fixture
def process(migrated_url: str, redis_url: str, mailer: ScriptedMailer) -> Processes:
    return Processes(migrated_url, redis_url, mailer)


def let_it_be_due(gateway: Gateway) -> None:
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE recipients SET due_at = '2020-01-01 00:00:00.000000'")


def drain(gateway: Gateway) -> None:
    let_it_be_due(gateway)
    gateway.deliver.drain(Lane.TRANSACTIONAL)


def sealed_key_of(gateway: Gateway, table: str) -> bytes:
    (row,) = rows(gateway, table)
    return bytes(row["sealed_key"])


def keys_of(gateway: Gateway) -> Check:
    return next(check for check in gateway.health.ready() if check.name == "keys")


def test_a_rotation_keeps_emails_bounces_and_pseudonyms(process: Processes, mailer: ScriptedMailer) -> None:
    """In each phase emails are accepted and sent, a bounce suppresses, and a forgotten address stays suppressed."""
    with process(OLD) as gateway:
        pseudonym = gateway.pseudonyms(ANN)
        forget(with_account(gateway, AccountList()), ANN, suppress=True)
        assert {row["key"] for row in rows(gateway, "suppressions", removed_at=None)} == {pseudonym}
    for number, ring in enumerate(PHASES):
        with process(ring) as gateway:
            assert gateway.pseudonyms(ANN) == pseudonym
            who = caller(gateway)
            assert state_of(gateway, submit(gateway, who, ANN)) is State.SUPPRESSED
            email = submit(gateway, who, f"bob+{number}@example.net")
            drain(gateway)
            assert state_of(gateway, email) is State.SENT
            bring(gateway, about(mailer.sent[-1], "Bounce", recipient_of(gateway, email).ses_message_id or ""))
            assert state_of(gateway, email) is State.BOUNCED
            list(gateway.rotation.reseal(ROOT))


def test_a_rotation_keeps_the_secrets_of_endpoints(process: Processes) -> None:
    """After resealing, a process with the new key alone signs with the same secret."""
    with process(OLD) as gateway:
        who = caller(gateway)
        added = subscribe(gateway, who, "email.sent")
    with process(f"{NEW},{OLD}") as gateway:
        [*_, done] = gateway.rotation.reseal(ROOT)
        assert done.sealed["webhook_secrets"] == 1
    with process(NEW) as gateway:
        poster = scripted(gateway)
        submit(gateway, who, BOB)
        drain(gateway)
        gateway.webhooks.deliver.drain()
        Webhook(added.secret).verify(poster.got[0].body, dict(poster.got[0].headers))


def test_a_rotation_keeps_the_secrets_of_the_ses_door(process: Processes) -> None:
    """Resealed, they open with the new key alone. A process that lacks the key says so, and blames no client."""
    with process(OLD) as gateway:
        issued = issue(gateway, scopes=frozenset({Scope.SES}))
        credentials = ReadOnlyCredentials(issued.access_key_id, issued.secret, None)
    with process(NEW) as gateway:
        with pytest.raises(ServiceUnavailable):
            gateway.authenticate_sigv4(signed_by_botocore(credentials, host_clock()))
        check = keys_of(gateway)
        assert (check.ok, check.required) == (False, False)
        assert "The SES door is shut" in check.detail
    with process(f"{NEW},{OLD}") as gateway:
        [*_, done] = gateway.rotation.reseal(ROOT)
        assert done.sealed["api_keys"] == 1
    with process(NEW) as gateway:
        assert gateway.authenticate_sigv4(signed_by_botocore(credentials, host_clock())).app == "invites"
        assert keys_of(gateway).ok


def test_a_process_without_the_key_ends_no_email(process: Processes, mailer: ScriptedMailer) -> None:
    """A worker with OLD only keeps emails that NEW sealed, however often it tries; one with NEW sends them."""
    with process(f"{NEW},{OLD}") as web, process(OLD) as worker:
        email = submit(web, caller(web), BOB)
        for _ in range(worker.settings.max_attempts + 2):
            drain(worker)
        assert (state_of(web, email), mailer.sent) == (State.RETRY_WAIT, [])
        assert recipient_of(web, email).attempts == 0
        make_due(web)
        drain(web)
        assert (state_of(web, email), len(mailer.sent)) == (State.SENT, 1)


def test_a_key_sealed_under_an_older_key_is_sealed_again(process: Processes) -> None:
    """A process that opens the key of the pseudonyms seals it under its own first key."""
    with process(OLD) as gateway:
        pseudonym = gateway.pseudonyms(ANN)
        before = sealed_key_of(gateway, "peppers")
    with process(f"{NEW},{OLD}") as gateway:
        assert gateway.pseudonyms(ANN) == pseudonym
        assert sealed_key_of(gateway, "peppers")[:4] != before[:4]
    with process(NEW) as gateway:
        assert gateway.pseudonyms(ANN) == pseudonym
    with process(OLD) as gateway, pytest.raises(ServiceUnavailable):
        gateway.pseudonyms(ANN)


def test_readiness_reports_keys_that_a_process_lacks(process: Processes) -> None:
    """Without the key of the pseudonyms it is not ready; where only some emails wait for another key, it is."""
    with process(OLD) as early:
        submit(early, caller(early), BOB)
        assert keys_of(early).ok
        with process(f"{OLD},{NEW}") as gateway:
            assert keys_of(gateway).ok
        with process(NEW) as gateway:
            check = keys_of(gateway)
            assert (check.ok, check.required) == (False, True)
            assert "put that key back" in check.detail
        with process(f"{NEW},{OLD}") as gateway:
            gateway.pseudonyms(BOB)
        with process(NEW) as gateway:
            check = keys_of(gateway)
            assert (check.ok, check.required) == (False, False)
            assert "Email waits" in check.detail
        # It has opened the key of the pseudonyms before that was sealed under the new one.
        assert (keys_of(early).ok, keys_of(early).required) == (False, False)


def test_a_probe_changes_nothing(process: Processes) -> None:
    """Probes of processes with the keys in different orders do not reseal the row back and forth."""
    with process(OLD) as gateway:
        gateway.pseudonyms(ANN)
        before = sealed_key_of(gateway, "peppers")
    with process(f"{NEW},{OLD}") as gateway:
        gateway.health.ready()
        assert sealed_key_of(gateway, "peppers") == before


def environment(gateway: Gateway, ring: str, directory: Path) -> dict[str, str]:
    """The environment of web and worker; their broker is the Valkey of the test."""
    return surroundings(
        DATABASE_URL=gateway.settings.database_url,
        REDIS_URL=gateway.settings.redis_url,
        SECRET_KEYS=ring,
        SNS_TOPIC_ARNS=TOPIC,
        FLIGHT_DIR=str(directory),
        AWS_EC2_METADATA_DISABLED="true",
    )


@pytest.mark.parametrize(
    "argv, status",
    [
        (WEB, 3),
        ((sys.executable, "-m", "celery", "-A", "worker.celery", "worker"), 1),
    ],
    ids=["web", "worker"],
)
def test_a_process_that_lacks_the_key_of_the_pseudonyms_does_not_start(
    process: Processes, tmp_path: Path, argv: tuple[str, ...], status: int
) -> None:
    """One line gives the missing key and the next step; there is no traceback, and no key in it."""
    with process(OLD) as gateway:
        gateway.pseudonyms(ANN)
        missing = sealed_key_of(gateway, "peppers")[:4].hex()
        variables = environment(gateway, NEW, tmp_path)
        ended = subprocess.run(
            argv, env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
    assert ended.returncode == status, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if "SECRET_KEYS" in line]
    assert line.startswith(f"Postern cannot start: SECRET_KEYS: lacks the key {missing}")
    assert "Traceback" not in ended.stderr
    assert NEW not in ended.stderr


def test_a_web_process_starts_with_the_key_or_without_a_database(process: Processes, tmp_path: Path) -> None:
    """The start seals the row under the first key. A database that is away or not migrated does not stop it."""
    with process(OLD) as gateway:
        gateway.pseudonyms(ANN)
        before = sealed_key_of(gateway, "peppers")
        variables = environment(gateway, f"{NEW},{OLD}", tmp_path)
        subprocess.run(WEB, env=variables, cwd=tmp_path, check=True, timeout=120)
        assert sealed_key_of(gateway, "peppers") != before
        with gateway.database.transaction() as connection:
            connection.exec_driver_sql("DROP TABLE peppers")
        subprocess.run(WEB, env=variables, cwd=tmp_path, check=True, timeout=120)
    for away in (f"sqlite:///{tmp_path / 'empty.db'}", "postgresql://postgres@127.0.0.1:9/nowhere"):
        subprocess.run(WEB, env=variables | {"DATABASE_URL": away}, cwd=tmp_path, check=True, timeout=120)


def test_the_rotation_has_every_sealed_column() -> None:
    """A new table with sealed columns joins the rotation, or this test fails."""
    binary = {(table.name, column.name) for table in metadata.sorted_tables for column in table.c
              if isinstance(column.type, LargeBinary)}  # fmt: skip
    wrapped = {(kind.name, "sealed_key") for kind in KINDS}
    beside = {("emails", "sealed_body"), ("peppers", "sealed"), ("webhook_secrets", "sealed"), ("users", "sealed_totp")}
    beside |= {("api_keys", "sealed_secret")}
    digests = {("api_keys", "secret_sha256"), ("idempotency_keys", "fingerprint")}
    of_sign_ins = {("user_sessions", "token_hash"), ("sign_in_links", "token_hash"), ("sign_in_failures", "name_key")}
    public = {("signing_certificates", "pem"), ("signing_certificates", "proof")}
    assert binary == wrapped | beside | digests | of_sign_ins | public
