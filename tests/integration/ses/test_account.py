"""`GetAccount`, identities and configuration sets; and every operation of SES that Postern does not have."""

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.model import ServiceModel

from app.services.apps.app_options import AppOptions
from app.web.ses.v1 import actions
from app.web.ses.v2 import unsupported
from app.web.ses.v2.routing import PREFIX, ses_operation_of
from tests.support.gateway.emails import ROOT
from tests.support.ses.door import REQUESTS_PER_SECOND, Door, accords_with_the_model, signed

EMAIL = {
    "FromEmailAddress": "invites@example.com",
    "Content": {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello."}}}},
}


def model_of(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def test_the_account_is_the_application(door: Door) -> None:
    """Its quota is that of the application, with what was accepted in the last day."""
    client = door.client(as_=door.credentials(app="measured"))
    free = client.get_account()
    accords_with_the_model("GetAccount", free)
    assert free["SendQuota"] == {"Max24HourSend": -1.0, "MaxSendRate": REQUESTS_PER_SECOND, "SentLast24Hours": 0.0}
    assert free["SendingEnabled"] is free["ProductionAccessEnabled"] is True
    client.send_email(**EMAIL, Destination={"ToAddresses": ["ann@example.net", "ben@example.net"]})
    door.web.gateway.apps.change(ROOT, "measured", AppOptions(emails_per_day=100, emails_per_second=10))
    limited = door.client(as_=door.credentials(app="measured"))
    assert limited.get_account()["SendQuota"] == {"Max24HourSend": 100.0, "MaxSendRate": 10.0, "SentLast24Hours": 2.0}


def test_identities_are_what_the_application_may_send_from(door: Door) -> None:
    """They are listed by pages, and found by name; those of others do not exist."""
    client = door.client(as_=door.credentials(app="identified", senders=("@example.com", "desk@example.org")))
    listed = client.list_email_identities(PageSize=1)
    accords_with_the_model("ListEmailIdentities", listed)
    rest = client.list_email_identities(NextToken=listed["NextToken"])
    assert "NextToken" not in rest
    both = [*listed["EmailIdentities"], *rest["EmailIdentities"]]
    assert [(one["IdentityType"], one["IdentityName"]) for one in both] == [
        ("DOMAIN", "example.com"),
        ("EMAIL_ADDRESS", "desk@example.org"),
    ]
    for name in ("example.com", "ann@example.com", "desk@example.org"):
        found = client.get_email_identity(EmailIdentity=name)
        accords_with_the_model("GetEmailIdentity", found)
        assert found["VerifiedForSendingStatus"] is True
    for name in ("example.org", "kim@example.org", "no identity"):
        with pytest.raises(client.exceptions.NotFoundException):
            client.get_email_identity(EmailIdentity=name)


def test_configuration_sets_are_streams(door: Door) -> None:
    """The default stream is there, and those that were set up."""
    client = door.client(as_=door.credentials(app="streaming"))
    door.web.gateway.streams.set(ROOT, "streaming", "weekly", title="Weekly")
    answer = client.list_configuration_sets()
    accords_with_the_model("ListConfigurationSets", answer)
    assert answer["ConfigurationSets"] == ["default", "weekly"]


def test_every_other_operation_is_refused_by_its_name(door: Door) -> None:
    """The table has each operation of the model that is not served, and the answer names it in the shape of SES."""
    model = model_of("sesv2")
    served = {
        operation.name
        for view in door.web.client.application.view_functions.values()
        if (operation := ses_operation_of(view))
    }
    others = {name for _, _, name in unsupported.OPERATIONS}
    assert others.isdisjoint(served)
    assert others | served >= set(model.operation_names)
    key = door.credentials()
    for method, path, name in unsupported.OPERATIONS[::9]:
        answer = signed(door, key, method, PREFIX + path.replace("*", "any"), b"{}" if method != "GET" else b"")
        assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, "BadRequestException"), name
        assert answer.json()["message"].startswith(f"Postern does not support {name}.")
    assert signed(door, key, "GET", f"{PREFIX}/nothing").status == 404
    with pytest.raises(ClientError, match=r"Postern does not support CreateEmailTemplate\. Send the rendered"):
        door.client().create_email_template(TemplateName="a", TemplateContent={"Subject": "b"})


def test_every_other_action_of_version_1_is_refused_by_its_name(door: Door) -> None:
    """The table has each action of the model that is not served."""
    assert actions.OTHERS | set(actions.ACTIONS) == set(model_of("ses").operation_names)
    client = door.client("ses")
    with pytest.raises(ClientError, match="Postern does not support SendTemplatedEmail") as refused:
        client.send_templated_email(Source="invites@example.com", Destination={}, Template="welcome", TemplateData="{}")
    assert refused.value.response["Error"]["Code"] == "InvalidAction"
