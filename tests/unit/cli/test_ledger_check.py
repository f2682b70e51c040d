"""The comparison of SES's ledger with the database: records that agree, and each way in which they may differ."""

from typing import Any

import pytest

from app.cli.local.ledger_check import reckon

Json = dict[str, Any]


def entry(number: int, address: str = "ann@example.net", *, row: str | None = None) -> Json:
    """Return a line of the ledger."""
    tags = {"postern_recipient": row or f"row-{number}"}
    return {"ses_message_id": f"ses-{number}", "recipient": address, "tags": tags}


def email(number: int, address: str = "ann@example.net", *, state: str = "delivered", sent: bool = True) -> Json:
    """Return an email to one address as the API's JSON."""
    ses_message_id = f"ses-{number}" if sent else None
    recipient = {"id": f"row-{number}", "email": address, "state": state, "ses_message_id": ses_message_id}
    return {"recipients": [recipient]}


def test_matching_records_agree_in_any_case_of_an_address() -> None:
    """A sent email is on both sides; a suppressed one is on neither side as sent."""
    reckoning = reckon(
        [entry(1, "Ann@Example.net"), entry(2)], [email(1), email(2), email(3, state="suppressed", sent=False)]
    )
    assert reckoning.agrees


@pytest.mark.parametrize(
    "ledger, emails, wrong",
    [
        ([entry(1)], [], "only_in_ledger"),
        ([], [email(1)], "only_in_database"),
        ([entry(1, "ben@example.net")], [email(1)], "only_in_ledger"),
        ([entry(1), entry(2, row="row-1")], [email(1)], "sent_twice"),
        ([entry(1)], [email(1, state="suppressed", sent=False)], "sent_though_suppressed"),
    ],
)
def test_each_disagreement_has_its_name(ledger: list[Json], emails: list[Json], wrong: str) -> None:
    """Lost, unknown, to another address, twice, or to a suppressed address: each is reported."""
    reckoning = reckon(ledger, emails)
    assert not reckoning.agrees
    assert getattr(reckoning, wrong)
