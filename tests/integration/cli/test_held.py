"""The operator's word on mails whose fate is not known, and on a restored database."""

from pathlib import Path
from uuid import UUID

import pytest

from app.cli.main import main
from app.domain.delivery import State
from app.domain.outcome import Ambiguous
from app.domain.proof import OnUnconfirmed
from app.queue import Lane
from app.wiring import Gateway
from tests.gateways import ScriptedMailer, caller
from tests.integration.test_cli_operators import point_at
from tests.mails import state_of, submit


@pytest.fixture(autouse=True)
def here(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the gateway by the environment."""
    point_at(gateway, tmp_path, monkeypatch)


def hold_one(gateway: Gateway, mailer: ScriptedMailer) -> UUID:
    """A mail whose call had no answer and whose application wants a person to decide."""
    mailer.answers["ann@example.net"] = Ambiguous("Silence.")
    mail = submit(gateway, caller(gateway), "ann@example.net", on_unconfirmed=OnUnconfirmed.HOLD)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE recipients SET unconfirmed_since = '2020-01-01 00:00:00.000000'")
    assert gateway.reconcile.sweep() == 1
    mailer.answers.clear()
    return mail


@pytest.mark.parametrize("verb, expected", [("resend", State.SENT), ("discard", State.CANCELED)])
def test_a_held_mail_is_listed_and_decided(
    gateway: Gateway, mailer: ScriptedMailer, capsys: pytest.CaptureFixture[str], verb: str, expected: State
) -> None:
    """It stands in the list until a person has said what becomes of it; then it does, and a second word is refused."""
    mail = hold_one(gateway, mailer)
    assert main(["held"]) == 0
    assert "ann@example.net" in capsys.readouterr().out.replace("\n", "")
    assert main([verb, str(mail), "--reason", "Asked Ann."]) == 0
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is expected
    assert main(["held"]) == 0
    assert "No mail waits" in capsys.readouterr().out
    assert main([verb, str(mail), "--reason", "Again."]) == 1


def test_a_recovery_is_begun_watched_and_ended(
    gateway: Gateway, mailer: ScriptedMailer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent in between; before its time it ends only by force."""
    assert main(["recovery", "begin", "--reason", "Restored to 04:00."]) == 0
    submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    assert main(["recovery", "status"]) == 0
    assert "Not yet" in capsys.readouterr().out
    assert main(["recovery", "end"]) == 1
    assert main(["recovery", "end", "--force"]) == 0
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(mailer.sent) == 1


def test_a_suppression_that_is_over_is_still_told(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """Who removed it and why is shown although nothing is live any more."""
    assert main(["suppress", "kim@example.net", "--reason", "She left."]) == 0
    gateway.suppress.remove(caller(gateway), "kim@example.net", reason="She is back.", wait_for_ses=False)
    assert main(["suppressions", "kim@example.net", "--json"]) == 0
    told = capsys.readouterr().out
    assert '"suppressions": []' in told
    assert "She is back." in told
