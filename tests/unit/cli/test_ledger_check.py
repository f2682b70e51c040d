"""The comparison of SES's ledger with the database, on accounts that agree and on each way in which they may not."""

from typing import Any

import pytest

from app.cli.reckoning import reckon

Json = dict[str, Any]


def entry(number: int, address: str = "ann@example.net", *, row: str | None = None) -> Json:
    """A line of the ledger."""
    tags = {"postern_recipient": row or f"row-{number}"}
    return {"ses_message_id": f"ses-{number}", "recipient": address, "tags": tags}


def mail(number: int, address: str = "ann@example.net", *, state: str = "delivered", sent: bool = True) -> Json:
    """A mail to one address, as the API tells it."""
    ses_message_id = f"ses-{number}" if sent else None
    recipient = {"id": f"row-{number}", "email": address, "state": state, "ses_message_id": ses_message_id}
    return {"recipients": [recipient]}


def test_accounts_that_match_agree_whatever_the_case_of_an_address() -> None:
    """Sent mails are on both sides; a suppressed one is on neither as sent."""
    reckoning = reckon(
        [entry(1, "Ann@Example.net"), entry(2)], [mail(1), mail(2), mail(3, state="suppressed", sent=False)]
    )
    assert reckoning.agrees


@pytest.mark.parametrize(
    "ledger, mails, wrong",
    [
        ([entry(1)], [], "only_in_ledger"),
        ([], [mail(1)], "only_in_database"),
        ([entry(1, "ben@example.net")], [mail(1)], "only_in_ledger"),
        ([entry(1), entry(2, row="row-1")], [mail(1)], "sent_twice"),
        ([entry(1)], [mail(1, state="suppressed", sent=False)], "sent_though_suppressed"),
    ],
)
def test_each_disagreement_has_its_name(ledger: list[Json], mails: list[Json], wrong: str) -> None:
    """Lost, unheard of, to somebody else, twice, or to the suppressed: none of it passes."""
    reckoning = reckon(ledger, mails)
    assert not reckoning.agrees
    assert getattr(reckoning, wrong)
