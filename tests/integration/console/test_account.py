"""`/console/account`: what SES allows, what is wrong, and what the set-up lacks; looked at on request."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from app.domain.users.roles import Role
from app.services.account.quota import LastQuota
from app.services.operating.doctor.report import Finding, Group, Report, Status
from app.store.engine.database import clock
from app.store.operating import job_cursors
from app.wiring.gateway import Gateway
from simulator import Options, Simulator
from tests.integration.console.test_overview import QUOTA, words
from tests.support.console.people import signed_in
from tests.support.gateway.web import Web, web_on

ACCOUNT = "/console/account"
ATTACK = "<script>alert(1)</script>"


@pytest.fixture
def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """An empty account at a simulator, to which the environment leads."""
    with Simulator(Options(data=tmp_path / "ses")) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "simulator")
        yield running


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url="https://mail.example.com") as made:
        yield made


def keep(gateway: Gateway, *findings: Finding, no_plan: str = "") -> None:
    """Have this be what was found last."""
    with gateway.database.transaction() as connection:
        report = Report(at=clock(connection), findings=findings, plan=(), no_plan=no_plan)
        job_cursors.lock(connection, "doctor")
        job_cursors.write(connection, "doctor", report.to_json())


def test_before_anybody_has_looked_the_page_says_so(web: Web) -> None:
    """And calls nothing; only an operator may look."""
    page = signed_in(web, Role.VIEWER).page(ACCOUNT)
    assert "Nobody has looked yet." in page
    assert "SES has not been asked yet." in page
    assert "Look now</button>" not in page
    assert "Look now</button>" in signed_in(web, Role.OPERATOR).page(ACCOUNT)


@pytest.mark.usefixtures("simulator")
def test_an_operator_looks_and_everybody_sees_what_was_found(web: Web) -> None:
    """Of the gateway, of the account, and of what its set-up lacks. An account that is empty lacks everything."""
    page = words(signed_in(web, Role.OPERATOR).change(f"{ACCOUNT}/look").text)
    assert "Nothing was changed." in page
    for text in ("Something must be fixed", "This gateway", "worker wrong", "Events", "to make topic postern"):
        assert text in page
    assert "to make topic postern" in words(signed_in(web, Role.VIEWER).page(ACCOUNT))


@pytest.mark.usefixtures("simulator")
def test_one_look_at_a_time(web: Web) -> None:
    """A second person is asked to wait, unless the first process has died minutes ago."""
    operator = signed_in(web, Role.OPERATOR)
    with web.gateway.database.transaction() as connection:
        job_cursors.take(connection, "doctor", holder=uuid4(), lease=timedelta(minutes=3))
    answer = operator.post(f"{ACCOUNT}/look")
    assert answer.status_code == 409
    assert "in a minute" in answer.text
    with web.gateway.database.transaction() as connection:
        state = job_cursors.lock(connection, "doctor")
        long_ago = clock(connection) - timedelta(seconds=1)
        job_cursors.write(connection, "doctor", state | {"held_until": long_ago.isoformat()})
    assert operator.post(f"{ACCOUNT}/look").status_code == 303


def test_without_credentials_the_page_says_so(web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    page = words(signed_in(web, Role.OPERATOR).change(f"{ACCOUNT}/look").text)
    assert "No AWS credentials were found: set AWS_PROFILE" in page
    assert "credentials could not look no AWS credentials were found" in page


def test_what_ses_allows_is_what_it_said_last(web: Web) -> None:
    """With a word for an account that is paused, in the sandbox, or under review."""
    viewer = signed_in(web, Role.VIEWER)
    last = LastQuota(database=web.gateway.database)
    last.note(QUOTA)
    page = words(viewer.page(ACCOUNT))
    assert "1,234 of 50,000 sent" in page
    assert "healthy" in page
    last.note(replace(QUOTA, max_24h=None, sending_enabled=False, production=False, enforcement="SHUTDOWN"))
    page = words(viewer.page(ACCOUNT))
    for text in ("paused by AWS", "sandbox", "shutdown", "there is no limit"):
        assert text in page


def test_findings_that_need_somebody_come_first(web: Web) -> None:
    """Addresses in them are masked for a viewer, and their texts do nothing."""
    keep(
        web.gateway,
        Finding(Group.IDENTITY, "example.com", Status.WELL),
        Finding(Group.IDENTITY, "ann@example.com", Status.WRONG, ATTACK, "verify `ann@example.com`"),
        no_plan=ATTACK,
    )
    page = signed_in(web, Role.VIEWER).page(ACCOUNT)
    assert "ann@" not in page
    assert ATTACK not in page
    assert page.index("@example.com</th>") < page.index(">example.com</th>")
    assert "<code>ann@example.com</code>" in signed_in(web, Role.SUPPORT).page(ACCOUNT)
