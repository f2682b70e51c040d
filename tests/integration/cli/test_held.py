"""An operator decides about emails with an unknown outcome, and about a restored database."""

from pathlib import Path
from uuid import UUID

import pytest

from app.cli.main import main
from app.domain.sending.call_outcome import Ambiguous, Refused
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller


@pytest.fixture(autouse=True)
def here(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the gateway by the environment."""
    point_at(gateway, tmp_path, monkeypatch)


def hold_one(gateway: Gateway, mailer: ScriptedMailer) -> UUID:
    """An email whose call had no answer and whose application wants a person to decide."""
    mailer.answers["ann@example.net"] = Ambiguous("Silence.")
    email = submit(gateway, caller(gateway), "ann@example.net", on_unconfirmed=OnUnconfirmed.HOLD)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE recipients SET unconfirmed_since = '2020-01-01 00:00:00.000000'")
    assert gateway.reconcile.sweep() == 1
    mailer.answers.clear()
    return email


@pytest.mark.parametrize("verb, expected", [("resend", State.SENT), ("discard", State.CANCELED)])
def test_a_held_email_is_listed_and_decided(
    gateway: Gateway, mailer: ScriptedMailer, capsys: pytest.CaptureFixture[str], verb: str, expected: State
) -> None:
    """It is on the list until a person decides; the decision takes effect, and a second one is refused."""
    email = hold_one(gateway, mailer)
    assert main(["held"]) == 0
    assert "ann@example.net" in capsys.readouterr().out.replace("\n", "")
    assert main([verb, str(email), "--reason", "Asked Ann."]) == 0
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is expected
    assert main(["held"]) == 0
    assert "No email is held" in capsys.readouterr().out
    assert main([verb, str(email), "--reason", "Again."]) == 1


def test_a_failed_email_is_sent_again(
    gateway: Gateway, mailer: ScriptedMailer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --failed; an email that has been sent by now cannot be sent once more."""
    mailer.answers["ann@example.net"] = Refused("No.")
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    mailer.answers.clear()
    assert main(["resend", str(email), "--reason", "Mended."]) == 1
    assert main(["resend", str(email), "--failed", "--reason", "Mended."]) == 0
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT
    assert main(["resend", str(email), "--failed", "--reason", "Again."]) == 1
    assert "has failed for no recipient" in capsys.readouterr().err


def test_a_recovery_is_begun_watched_and_ended(
    gateway: Gateway, mailer: ScriptedMailer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent in between; before its time it ends only by force."""
    assert main(["recovery", "begin", "--reason", "Restored to 04:00."]) == 0
    submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    assert main(["recovery", "status"]) == 0
    assert "It may not end yet" in capsys.readouterr().out
    assert main(["recovery", "end"]) == 1
    assert main(["recovery", "end", "--force"]) == 0
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(mailer.sent) == 1


def test_a_suppression_that_is_over_is_still_shown(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """Actor and reason of the removal are shown although no entry is live any more."""
    assert main(["suppress", "kim@example.net", "--reason", "She left."]) == 0
    gateway.unsuppress(caller(gateway), "kim@example.net", reason="She is back.", wait_for_ses=False)
    assert main(["suppressions", "kim@example.net", "--json"]) == 0
    printed = capsys.readouterr().out
    assert '"suppressions": []' in printed
    assert "She is back." in printed
