"""Keys for trying at the SES door. Of a team key SES's sandbox would refuse a recipient in the same words."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.domain.apps.callers import Scope
from app.domain.apps.key_kinds import KeyKind
from tests.integration.ses.test_send_bulk_email import entry, request
from tests.integration.ses.test_send_email import MIME, SIMPLE
from tests.support.apps.trying import BOUNCE, SCOPES, finish
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import rows
from tests.support.gateway.web import body_of
from tests.support.ses.door import Credentials, Door, accords_with_the_model

BEN = "ben@elsewhere.example"


@pytest.fixture
def team(door: Door) -> Credentials:
    key = door.credentials(app="tried", kind=KeyKind.TEAM)
    door.web.gateway.apps.change_team(ROOT, "tried", add=("ann@example.net",))
    return key


@pytest.mark.parametrize(
    "change",
    [
        {"Destination": {"ToAddresses": ["ann@example.net"], "BccAddresses": [BEN]}},
        {"Destination": {"ToAddresses": [BEN]}, "Content": {"Raw": {"Data": MIME}}},
    ],
    ids=["in parts", "raw"],
)
def test_another_recipient_is_not_verified(door: Door, team: Credentials, change: dict[str, Any]) -> None:
    """`MessageRejected`, without the address; nothing is kept."""
    before = rows(door.web.gateway, "emails")
    with pytest.raises(ClientError) as error:
        door.client(as_=team).send_email(**SIMPLE | change)
    assert error.value.response["Error"]["Code"] == "MessageRejected"
    assert error.value.response["Error"]["Message"].startswith("Email address is not verified.")
    assert BEN not in error.value.response["Error"]["Message"]
    assert rows(door.web.gateway, "emails") == before


def test_an_email_to_the_team_is_accepted(door: Door, team: Credentials) -> None:
    """With the id of a key that shows its kind."""
    assert team.access_key_id.startswith("ptn_team_")
    assert door.client(as_=team).send_email(**SIMPLE)["MessageId"]


def test_a_test_key_sends_nothing(door: Door) -> None:
    """Its email is accepted, ends as its address says, and is marked."""
    key = door.credentials(*SCOPES, Scope.SES, app="tried", kind=KeyKind.TEST)
    simple = SIMPLE | {"Destination": {"ToAddresses": [BOUNCE]}}
    answer = door.client(as_=key).send_email(**simple)
    finish(door.web.gateway)
    admin = door.web.key("ops", Scope.ADMIN)
    email = door.web.email(admin, answer["MessageId"])
    assert (email["mode"], email["last_event"]) == ("test", "bounced")
    assert [one for one in door.web.mailer.sent if one.recipient == BOUNCE] == []


def test_version_1_says_the_same(door: Door, team: Credentials) -> None:
    """In its own form."""
    message = {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hi."}}}
    with pytest.raises(ClientError) as error:
        door.client("ses", as_=team).send_email(
            Source="invites@example.com", Destination={"ToAddresses": [BEN]}, Message=message
        )
    assert error.value.response["Error"]["Code"] == "MessageRejected"


def test_an_entry_to_another_recipient_stops_no_other(door: Door, team: Credentials) -> None:
    """Its result has the status of SES for it."""
    answer = door.client(as_=team).send_bulk_email(
        **request(entry("ann@example.net", {"name": "Ann"}), entry(BEN, {"name": "Ben"}))
    )
    accords_with_the_model("SendBulkEmail", answer)
    assert [one["Status"] for one in answer["BulkEmailEntryResults"]] == ["SUCCESS", "MESSAGE_REJECTED"]
    listed = door.web.client.get("/v1/emails", headers=door.web.key("tried"))
    assert len(body_of(listed)["data"]) >= 1
