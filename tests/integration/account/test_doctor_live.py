"""`doctor --live` says at which hop each email to the mailbox simulator has stopped."""

import json

import pytest

from app.domain.account.findings import Finding
from app.domain.sending.call_outcome import Ambiguous, Outcome, Refused
from app.queue import Lane
from app.services.operating.doctor.live import Trial, TryLive, finding_of
from app.wiring.doctor import build_doctor
from app.wiring.gateway import Gateway
from tests.support.aws import aws_stub
from tests.support.aws.notifications import bounced, complained, delivered, event, put
from tests.support.gateway.claims import wanted
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import ScriptedMailer

MAILBOXES = ("success", "bounce", "complaint")


@pytest.fixture
def live(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> TryLive:
    aws_stub.surround(monkeypatch)
    return build_doctor(gateway, resolver=None).try_live


def send(live: TryLive) -> tuple[Trial, ...]:
    return live.send("doctor@example.com", actor="test")


def shown(live: TryLive, trials: tuple[Trial, ...]) -> dict[str, Finding]:
    """What is found about each mailbox now."""
    return {one.trial.mailbox: finding_of(one, waited_s=90.0) for one in live.look(trials)}


def answer(mailer: ScriptedMailer, outcome: Outcome) -> None:
    """Let SES answer every email to the mailbox simulator in this way."""

    class Always(dict[str, Outcome]):
        def get(self, _key: str, _default: object = None) -> Outcome:
            return outcome

    mailer.answers = Always()


def events_of(mailer: ScriptedMailer, *mailboxes: str) -> list[str]:
    """The events of SES about the emails that it has taken, for these mailboxes."""
    makers = {"success": delivered, "bounce": bounced, "complaint": complained}
    found = []
    for number, envelope in enumerate(mailer.sent, start=1):
        mailbox = envelope.recipient.partition("+")[0]
        if mailbox in mailboxes:
            message = f"ses-{number:06d}-{envelope.recipient}"
            found.append(json.dumps(makers[mailbox](envelope.recipient, message=message)))
    return found


def test_events_that_come_back_are_well(gateway: Gateway, live: TryLive, mailer: ScriptedMailer) -> None:
    """Each mailbox has its own event, and the time from acceptance to its settling is said."""
    trials = send(live)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    put(gateway, *events_of(mailer, *MAILBOXES))
    gateway.settle.drain()
    found = shown(live, trials)
    assert [one.ok for one in found.values()] == [True, True, True]
    assert found["bounce"].found.startswith("bounce, ")
    assert all(one.is_over for one in live.look(trials))


def test_the_emails_belong_to_the_gateway_itself(gateway: Gateway, live: TryLive) -> None:
    """No application sees them, and a second run is not suppressed by the first."""
    first, second = send(live), send(live)
    assert gateway.look_up.email(ROOT, first[0].email_id).app == "postern"
    assert {one.journey.hop for one in live.look(second) if one.journey} == {"accepted"}


def test_an_email_that_no_worker_claims_has_stopped_there(gateway: Gateway, live: TryLive) -> None:
    """With the circuit that holds it back, if one does."""
    trials = send(live)
    found = shown(live, trials)["success"]
    assert found.found == "stopped at accepted after 90 s"
    assert "no worker claimed it" in found.fix
    gateway.pause_lanes.pause(ROOT, Lane.TRANSACTIONAL, reason="Maintenance.")
    assert shown(live, trials)["success"].found.endswith("lane:transactional: Maintenance.")


def test_an_email_that_a_worker_holds_has_stopped_there(gateway: Gateway, live: TryLive) -> None:
    """SES has not answered the worker yet."""
    trials = send(live)
    assert len(wanted(gateway).emails) == 3
    found = shown(live, trials)["bounce"]
    assert found.found.startswith("stopped at claimed")
    assert "has no answer from SES" in found.fix


def test_an_email_that_ses_did_not_take_has_stopped_there(
    gateway: Gateway, live: TryLive, mailer: ScriptedMailer
) -> None:
    """What SES said is shown, and the permission that it may need."""
    answer(mailer, Ambiguous("The call timed out."))
    trials = send(live)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    found = shown(live, trials)["success"]
    assert found.found.startswith("stopped at called")
    assert "timed out" in found.found
    assert "ses:SendEmail" in found.fix


def test_an_email_that_ses_refused_for_good_has_ended(gateway: Gateway, live: TryLive, mailer: ScriptedMailer) -> None:
    """Waiting longer would change nothing."""
    answer(mailer, Refused("MessageRejected: no."))
    trials = send(live)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    found = shown(live, trials)["success"]
    assert found.found.startswith("stopped at ended")
    assert "MessageRejected: no." in found.found
    assert all(one.is_over for one in live.look(trials))


def test_an_email_without_an_event_has_stopped_at_ses(gateway: Gateway, live: TryLive) -> None:
    """The path of the events is broken."""
    trials = send(live)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    found = shown(live, trials)["complaint"]
    assert found.found == "stopped at taken after 90 s"
    assert "no event came" in found.fix
    assert "subscription" in found.fix


def test_a_notification_that_waits_here_is_said(gateway: Gateway, live: TryLive, mailer: ScriptedMailer) -> None:
    """It arrived, and nothing settles it."""
    trials = send(live)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    put(gateway, *events_of(mailer, "bounce"))
    found = shown(live, trials)
    assert found["bounce"].found == "stopped at arrived after 90 s: the notification is new"
    assert "./postern feedback" in found["bounce"].fix
    assert found["success"].found.startswith("stopped at taken")


def test_the_wrong_event_is_not_enough(gateway: Gateway, live: TryLive, mailer: ScriptedMailer) -> None:
    """The event destination publishes sends and no bounces."""
    trials = send(live)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    envelope = mailer.sent[0]
    put(gateway, json.dumps(event("Send", {}, message=f"ses-000001-{envelope.recipient}", to=[envelope.recipient])))
    gateway.settle.drain()
    mailbox = envelope.recipient.partition("+")[0]
    found = shown(live, trials)[mailbox]
    assert found.found.startswith("stopped at settled")
    assert "types of the event destination" in found.fix
