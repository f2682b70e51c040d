"""The suppression list by the operations of SES: the entries that stop every email, with the two reasons of SES."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from app.domain.apps.callers import Scope
from app.store.suppression.suppressions import NewSuppression
from tests.support.gateway.emails import ROOT
from tests.support.ses.door import Door, accords_with_the_model


def listed(door: Door, **query: object) -> dict[str, str]:
    """The whole list with the reasons, over all pages."""
    found: dict[str, str] = {}
    token: dict[str, str] = {}
    client = door.client()
    while True:
        part = client.list_suppressed_destinations(**query, **token)
        accords_with_the_model("ListSuppressedDestinations", part)
        found |= {one["EmailAddress"]: one["Reason"] for one in part["SuppressedDestinationSummaries"]}
        if "NextToken" not in part:
            return found
        token = {"NextToken": part["NextToken"]}


def test_an_address_is_put_found_and_deleted(door: Door) -> None:
    """The address is suppressed in Postern as soon as the call is answered, and the audit names the call."""
    client, address = door.client(), "Ann+tag/1@example.net"
    client.put_suppressed_destination(EmailAddress=address, Reason="COMPLAINT")
    found = client.get_suppressed_destination(EmailAddress=address)
    accords_with_the_model("GetSuppressedDestination", found)
    destination = found["SuppressedDestination"]
    assert (destination["EmailAddress"], destination["Reason"]) == (address, "COMPLAINT")
    assert abs(datetime.now(UTC) - destination["LastUpdateTime"]) < timedelta(minutes=1)
    assert door.web.gateway.suppress.find(ROOT, address).entries[0].scope == "*"
    client.delete_suppressed_destination(EmailAddress=address)
    for call in (client.get_suppressed_destination, client.delete_suppressed_destination):
        with pytest.raises(client.exceptions.NotFoundException):
            call(EmailAddress=address)
    [over] = door.web.gateway.suppress.look(ROOT, address).history
    assert over.removal_reason == "Deleted by DeleteSuppressedDestination of the SES API."


def test_only_what_stops_every_email_is_shown(door: Door) -> None:
    """Entries of single streams and of whole domains are no addresses on the list of SES."""
    suppress = door.web.gateway.suppress
    suppress.add(ROOT, "of.app@example.net", scope="invites", reason="By phone.")
    suppress.add(ROOT, "of.stream@example.net", scope="invites/news", reason="By phone.")
    suppress.add(ROOT, "@gone.example", reason="By phone.")
    found = listed(door, PageSize=2)
    assert "of.app@example.net" in found
    assert not {"of.stream@example.net", "@gone.example"} & set(found)
    client = door.client()
    with pytest.raises(client.exceptions.NotFoundException):
        client.get_suppressed_destination(EmailAddress="of.stream@example.net")
    with pytest.raises(client.exceptions.NotFoundException):
        client.delete_suppressed_destination(EmailAddress="of.stream@example.net")
    client.delete_suppressed_destination(EmailAddress="of.app@example.net")
    assert not suppress.look(ROOT, "of.app@example.net").entries


def test_the_list_is_filtered_by_reason_and_time(door: Door) -> None:
    """Both reasons and both times of SES work, over pages that may be short."""
    client = door.client()
    client.put_suppressed_destination(EmailAddress="b1@example.net", Reason="BOUNCE")
    client.put_suppressed_destination(EmailAddress="c1@example.net", Reason="COMPLAINT")
    hour = timedelta(hours=1)
    assert "c1@example.net" not in listed(door, Reasons=["BOUNCE"], PageSize=1)
    assert set(listed(door, Reasons=["COMPLAINT"], PageSize=1)) == {"c1@example.net"}
    assert set(listed(door, Reasons=["BOUNCE", "COMPLAINT"])) >= {"b1@example.net", "c1@example.net"}
    assert listed(door, StartDate=datetime.now(UTC) + hour) == {}
    assert "b1@example.net" in listed(door, StartDate=datetime.now(UTC) - hour, EndDate=datetime.now(UTC) + hour)


def test_a_complaint_is_not_deleted_through_this_door(door: Door) -> None:
    """SES has no way to say that a person insists: the answer says where it can be said."""
    new = NewSuppression(
        key="angry@example.net", scope="*", address="angry@example.net", origin="complaint", reason="Reported.",
        actor="test", source={},
    )  # fmt: skip
    with door.web.gateway.database.transaction() as connection:
        door.web.gateway.list_writer.put(connection, new)
    client = door.client()
    with pytest.raises(client.exceptions.BadRequestException, match="console"):
        client.delete_suppressed_destination(EmailAddress="angry@example.net")
    assert client.get_suppressed_destination(EmailAddress="angry@example.net")


@pytest.mark.parametrize(
    "call, arguments",
    [
        ("put_suppressed_destination", {"EmailAddress": "no address", "Reason": "BOUNCE"}),
        ("put_suppressed_destination", {"EmailAddress": "ann@example.net", "Reason": "WHIM"}),
        ("list_suppressed_destinations", {"NextToken": "none of ours"}),
        ("list_suppressed_destinations", {"PageSize": 0}),
    ],
)
def test_a_bad_request_is_refused(door: Door, call: str, arguments: dict[str, object]) -> None:
    """The class is that of SES, so that no SDK tries again."""
    with pytest.raises(ClientError) as refused:
        getattr(door.client(), call)(**arguments)
    assert refused.value.response["Error"]["Code"] == "BadRequestException"


def test_reading_and_writing_are_scopes_of_their_own(door: Door) -> None:
    """A key that reads the list does not change it, and the other way round."""
    reads = door.client(as_=door.credentials(Scope.SES, Scope.SUPPRESSIONS_READ))
    writes = door.client(as_=door.credentials(Scope.SES, Scope.SUPPRESSIONS_WRITE))
    reads.list_suppressed_destinations()
    writes.put_suppressed_destination(EmailAddress="d1@example.net", Reason="BOUNCE")
    for client, call, arguments in (
        (writes, "list_suppressed_destinations", {}),
        (writes, "get_suppressed_destination", {"EmailAddress": "d1@example.net"}),
        (reads, "put_suppressed_destination", {"EmailAddress": "d2@example.net", "Reason": "BOUNCE"}),
        (reads, "delete_suppressed_destination", {"EmailAddress": "d1@example.net"}),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(client, call)(**arguments)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
