"""Clients of SMTP, real and unchanged: each has our host, our port and a key, and nothing else is new.

All of them send through one gateway. Each meets what an application meets: an email that is accepted, a recipient that
is suppressed, an address that is none, a From that is not allowed, a limit, a message that is too large, and a gateway
whose database is away. What the door says is what the client lets its user know.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from app.services.apps.app_options import AppOptions
from tests.support.gateway.client_email import Email
from tests.support.gateway.emails import ROOT
from tests.support.smtp.clients.commands import by_msmtp, by_swaks
from tests.support.smtp.clients.in_python import by_django, by_smtplib
from tests.support.smtp.clients.node import Nodemailer, nodemailer
from tests.support.smtp.clients.postfix import relay_to, until
from tests.support.smtp.clients.stage import Account, Refused, Stage, stage_in

Sends = Callable[[Account, Email], str]

SUPPRESSED = "5.7.1 The address is on the suppression list (manual)."
NO_ADDRESS = "5.1.3 The domain has at least one dot: "
NOT_ALLOWED = "5.7.1 This application may not send from this address; it may send from @example.com."
TOO_LARGE = "5.3.4 The message is larger than SIZE allows"
OVER_LIMIT = "4.7.1 "
AWAY = ("4.3.0 The gateway cannot answer now", "4.7.0 No key can be checked now")
LARGE = 46_800_000

CLIENTS: Final[Mapping[str, Sends]] = {
    "smtplib": by_smtplib,
    "django": by_django,
    "swaks": by_swaks,
    "msmtp": by_msmtp,
}

every_client = pytest.mark.parametrize("client", [*CLIENTS, "nodemailer"])


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("stage"), sqlite_template, valkey_url) as staged:
        staged.gateway.suppress.add(ROOT, "gone@example.net", reason="By phone.")
        yield staged


@pytest.fixture(scope="module")
def node(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodemailer]:
    with nodemailer(stage.trusted, tmp_path_factory.mktemp("node")) as sends:
        yield sends


@pytest.fixture
def by(client: str, request: pytest.FixtureRequest) -> Sends:
    """What sends by the client of the test."""
    sends: Sends = CLIENTS.get(client) or request.getfixturevalue("node")
    return sends


@every_client
def test_an_email_is_accepted_and_sent(stage: Stage, client: str, by: Sends) -> None:
    """SES gets it, once."""
    by(stage.account(), Email("ann@example.net", subject=f"By {client}"))
    assert stage.sent(f"By {client}") == ["ann@example.net"]


@every_client
@pytest.mark.parametrize(
    "email, expected",
    [
        (Email("gone@example.net"), SUPPRESSED),
        (Email("ann@example"), NO_ADDRESS),
        (Email("ann@example.net", sender="kim@example.org"), NOT_ALLOWED),
        (Email("ann@example.net", size=LARGE), TOO_LARGE),
    ],
    ids=["suppressed", "bad address", "refused sender", "large"],
)
def test_what_is_refused_is_named(stage: Stage, by: Sends, email: Email, expected: str) -> None:
    """The user of the client reads why, in the words of the door."""
    with pytest.raises(Refused) as refused:
        by(stage.account(), email)
    assert expected in refused.value.said, refused.value.said


@every_client
def test_a_limit_and_a_lost_database_may_pass(stage: Stage, client: str, by: Sends) -> None:
    """The client says 4xx, and nothing was accepted; afterwards the same email is accepted."""
    account, email = stage.account(app=client), Email("ann@example.net", subject=f"Late by {client}")
    with stage.database_away(), pytest.raises(Refused) as refused:
        by(account, email)
    assert any(reason in refused.value.said for reason in AWAY), refused.value.said
    stage.gateway.apps.change(ROOT, client, AppOptions(emails_per_day=1))
    by(account, email)
    with pytest.raises(Refused) as refused:
        by(account, Email("bob@example.net", subject=email.subject))
    assert OVER_LIMIT in refused.value.said, refused.value.said
    assert stage.sent(email.subject) == ["ann@example.net"]


def test_a_postfix_relays_by_the_door(stage: Stage) -> None:
    """Its queue empties into Postern, and the sender of what is refused gets a report that says why."""
    with relay_to(stage.account("relay")) as relay:
        relay.take(Email("ann@example.net,gone@example.net", subject="By Postfix"))
        relay.take(Email("ann@example"))
        relay.take(Email("ann@example.net", sender="kim@example.org"))
        relay.take(Email("ann@example.net", size=LARGE))
        until(lambda: not relay.reasons())
        assert stage.sent("By Postfix") == ["ann@example.net"]
        bounces = [" ".join(one.split()) for one in relay.bounces()]
        too_large = "exceeds size limit 31424512 of server 127.0.0.1"  # Postfix believes SIZE, and does not ask
        for reason in (SUPPRESSED, NO_ADDRESS, NOT_ALLOWED.partition(";")[0], too_large):
            assert sum(reason in one for one in bounces) == 1, reason
        assert len(bounces) == 4

        late = Email("ann@example.net", subject="Late by Postfix")
        with stage.database_away():
            relay.take(late)
            until(lambda: any(said in reason for reason in relay.reasons() for said in AWAY))
        relay.flush()
        until(lambda: not relay.reasons())
        stage.gateway.apps.change(ROOT, "relay", AppOptions(emails_per_day=1))
        relay.take(Email("ann@example.net,bob@example.net", subject=late.subject))
        until(lambda: [OVER_LIMIT in reason for reason in relay.reasons()] == [True])
        stage.gateway.apps.change(ROOT, "relay", AppOptions(emails_per_day=10))
        relay.flush()
        until(lambda: not relay.reasons())
        assert stage.sent(late.subject) == ["ann@example.net", "ann@example.net", "bob@example.net"]
        assert len(relay.bounces()) == 4
