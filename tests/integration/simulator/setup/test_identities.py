"""The simulator's identities, as boto3 sees them: DKIM, MAIL FROM, tags, verification."""

from typing import Any

import pytest

from simulator import Simulator
from tests.support.aws.simulator import client, control, send

SIGNED = {"NextSigningKeyLength": "RSA_1024_BIT"}
SET = "postern"


@pytest.fixture
def ses(simulator: Simulator) -> Any:
    """A boto3 client of it."""
    return client("sesv2", simulator)


def test_a_domain_gets_easy_dkim(ses: Any) -> None:
    """Three tokens, which stay the same, a key of 2048 bits, verified at once."""
    made = ses.create_email_identity(EmailIdentity="Example.com")
    found = ses.get_email_identity(EmailIdentity="example.com")
    dkim = found["DkimAttributes"]
    assert made["DkimAttributes"] == dkim
    assert len(set(dkim["Tokens"])) == 3
    assert (dkim["SigningEnabled"], dkim["Status"], dkim["SigningAttributesOrigin"]) == (True, "SUCCESS", "AWS_SES")
    assert (dkim["CurrentSigningKeyLength"], dkim["NextSigningKeyLength"]) == ("RSA_2048_BIT", "RSA_2048_BIT")
    assert (found["IdentityType"], found["VerifiedForSendingStatus"], found["VerificationStatus"]) == (
        "DOMAIN", True, "SUCCESS",
    )  # fmt: skip
    assert found["FeedbackForwardingStatus"] is True
    assert found["MailFromAttributes"] == {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}
    assert "ConfigurationSetName" not in found
    ses.delete_email_identity(EmailIdentity="example.com")
    assert ses.create_email_identity(EmailIdentity="example.com")["DkimAttributes"]["Tokens"] == dkim["Tokens"]
    with pytest.raises(ses.exceptions.AlreadyExistsException):
        ses.create_email_identity(EmailIdentity="example.com")


def test_an_identity_is_made_with_everything_at_once(ses: Any) -> None:
    """Tags, key length and configuration set are kept; a configuration set has to exist."""
    request = {
        "EmailIdentity": "example.com",
        "Tags": [{"Key": "postern", "Value": "main"}],
        "DkimSigningAttributes": SIGNED,
        "ConfigurationSetName": SET,
    }
    with pytest.raises(ses.exceptions.NotFoundException):
        ses.create_email_identity(**request)
    assert ses.list_email_identities()["EmailIdentities"] == []
    ses.create_configuration_set(ConfigurationSetName=SET)
    ses.create_email_identity(**request)
    found = ses.get_email_identity(EmailIdentity="example.com")
    assert found["Tags"] == request["Tags"]
    assert found["ConfigurationSetName"] == SET
    assert found["DkimAttributes"]["CurrentSigningKeyLength"] == "RSA_1024_BIT"


def test_everything_about_an_identity_can_be_changed(ses: Any) -> None:
    """Signing, keys, MAIL FROM, feedback by email and the configuration set, each by its own call."""
    ses.create_configuration_set(ConfigurationSetName=SET)
    identity = {"EmailIdentity": "example.com"}
    ses.create_email_identity(**identity)
    ses.put_email_identity_dkim_attributes(**identity, SigningEnabled=False)
    answer = ses.put_email_identity_dkim_signing_attributes(
        **identity, SigningAttributesOrigin="AWS_SES", SigningAttributes=SIGNED
    )
    ses.put_email_identity_mail_from_attributes(
        **identity, MailFromDomain="bounce.example.com", BehaviorOnMxFailure="REJECT_MESSAGE"
    )
    ses.put_email_identity_feedback_attributes(**identity, EmailForwardingEnabled=False)
    ses.put_email_identity_configuration_set_attributes(**identity, ConfigurationSetName=SET)
    found = ses.get_email_identity(**identity)
    assert found["DkimAttributes"]["SigningEnabled"] is False
    assert found["DkimAttributes"]["NextSigningKeyLength"] == "RSA_1024_BIT"
    assert (answer["DkimStatus"], answer["DkimTokens"]) == ("SUCCESS", found["DkimAttributes"]["Tokens"])
    assert found["MailFromAttributes"] == {
        "MailFromDomain": "bounce.example.com",
        "MailFromDomainStatus": "SUCCESS",
        "BehaviorOnMxFailure": "REJECT_MESSAGE",
    }
    assert found["FeedbackForwardingStatus"] is False
    assert found["ConfigurationSetName"] == SET
    ses.put_email_identity_mail_from_attributes(**identity)
    ses.put_email_identity_configuration_set_attributes(**identity)
    found = ses.get_email_identity(**identity)
    assert "MailFromDomain" not in found["MailFromAttributes"]
    assert "ConfigurationSetName" not in found


def test_a_key_of_ones_own_has_one_selector(ses: Any) -> None:
    """DKIM with the caller's key shows its selector in place of the tokens, and Easy DKIM can come back."""
    own = {"DomainSigningSelector": "mail", "DomainSigningPrivateKey": "aGVsbG8="}
    ses.create_email_identity(EmailIdentity="example.com", DkimSigningAttributes=own)
    dkim = ses.get_email_identity(EmailIdentity="example.com")["DkimAttributes"]
    assert (dkim["SigningAttributesOrigin"], dkim["Tokens"]) == ("EXTERNAL", ["mail"])
    answer = ses.put_email_identity_dkim_signing_attributes(
        EmailIdentity="example.com", SigningAttributesOrigin="AWS_SES"
    )
    assert len(answer["DkimTokens"]) == 3


@pytest.mark.parametrize("domain", ["bounce.example.org", "example.com", "notexample.com"])
def test_mail_from_is_below_the_identity(ses: Any, domain: str) -> None:
    """Any other domain is refused, and nothing changes."""
    ses.create_email_identity(EmailIdentity="example.com")
    with pytest.raises(ses.exceptions.BadRequestException, match="not subdomain"):
        ses.put_email_identity_mail_from_attributes(EmailIdentity="example.com", MailFromDomain=domain)
    assert "MailFromDomain" not in ses.get_email_identity(EmailIdentity="example.com")["MailFromAttributes"]


def test_an_identity_may_stay_pending(simulator: Simulator, ses: Any) -> None:
    """After the control call new identities are not verified and may not send, until they are said to be."""
    control(simulator, "PUT", "identities", {"verification": "PENDING"})
    made = ses.create_email_identity(EmailIdentity="example.com")
    assert (made["VerifiedForSendingStatus"], made["DkimAttributes"]["Status"]) == (False, "PENDING")
    found = ses.get_email_identity(EmailIdentity="example.com")
    assert (found["VerifiedForSendingStatus"], found["VerificationStatus"]) == (False, "PENDING")
    with pytest.raises(ses.exceptions.MessageRejected, match="not verified"):
        send(ses, "ann@example.net")
    control(simulator, "PUT", "identities", {"identity": "example.com", "verification": "SUCCESS"})
    assert ses.list_email_identities()["EmailIdentities"][0]["VerificationStatus"] == "SUCCESS"
    assert send(ses, "ann@example.net")


def test_dkim_and_mail_from_may_fail_alone(simulator: Simulator, ses: Any) -> None:
    """The identity stays verified, and each part shows its own state."""
    ses.create_email_identity(EmailIdentity="example.com")
    ses.put_email_identity_mail_from_attributes(EmailIdentity="example.com", MailFromDomain="bounce.example.com")
    control(simulator, "PUT", "identities", {"identity": "example.com", "dkim": "FAILED", "mail_from": "PENDING"})
    found = ses.get_email_identity(EmailIdentity="example.com")
    assert found["VerificationStatus"] == "SUCCESS"
    assert found["DkimAttributes"]["Status"] == "FAILED"
    assert found["MailFromAttributes"]["MailFromDomainStatus"] == "PENDING"
    assert send(ses, "ann@example.net")


def test_tags_are_kept_by_arn(ses: Any) -> None:
    """Identities and configuration sets have tags; other ARNs are not found, what is no ARN is refused."""
    ses.create_email_identity(EmailIdentity="example.com")
    ses.create_configuration_set(ConfigurationSetName=SET, Tags=[{"Key": "team", "Value": "mail"}])
    prefix = "arn:aws:ses:us-east-1:123456789012:"
    for arn, before in (
        (f"{prefix}identity/example.com", []),
        (f"{prefix}configuration-set/{SET}", [{"Key": "team", "Value": "mail"}]),
    ):
        tag = {"Key": "postern", "Value": "main"}
        ses.tag_resource(ResourceArn=arn, Tags=[tag])
        assert ses.list_tags_for_resource(ResourceArn=arn)["Tags"] == [*before, tag]
        ses.untag_resource(ResourceArn=arn, TagKeys=["postern", "team"])
        assert ses.list_tags_for_resource(ResourceArn=arn)["Tags"] == []
    for unknown in ("identity/example.org", "configuration-set/other", "contact-list/all"):
        with pytest.raises(ses.exceptions.NotFoundException):
            ses.tag_resource(ResourceArn=prefix + unknown, Tags=[tag])
    with pytest.raises(ses.exceptions.BadRequestException):
        ses.list_tags_for_resource(ResourceArn="example.com")


def test_a_configuration_set_keeps_its_options(ses: Any) -> None:
    """All of them are shown, with SES's defaults for those that were not given, and can be changed."""
    ses.create_configuration_set(ConfigurationSetName="plain")
    plain = ses.get_configuration_set(ConfigurationSetName="plain")
    assert plain["DeliveryOptions"] == {"TlsPolicy": "OPTIONAL"}
    assert plain["ReputationOptions"] == {"ReputationMetricsEnabled": False}
    assert plain["SendingOptions"] == {"SendingEnabled": True}
    assert plain["Tags"] == []
    assert "SuppressionOptions" not in plain
    options: dict[str, Any] = {
        "DeliveryOptions": {"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 3600},
        "ReputationOptions": {"ReputationMetricsEnabled": True},
        "SendingOptions": {"SendingEnabled": False},
        "SuppressionOptions": {"SuppressedReasons": ["BOUNCE"]},
        "Tags": [{"Key": "postern", "Value": "main"}],
    }
    ses.create_configuration_set(ConfigurationSetName=SET, **options)
    found = ses.get_configuration_set(ConfigurationSetName=SET)
    assert {name: found[name] for name in options} == options
    ses.put_configuration_set_reputation_options(ConfigurationSetName=SET, ReputationMetricsEnabled=False)
    ses.put_configuration_set_delivery_options(ConfigurationSetName=SET, TlsPolicy="OPTIONAL")
    found = ses.get_configuration_set(ConfigurationSetName=SET)
    assert found["ReputationOptions"] == {"ReputationMetricsEnabled": False}
    assert found["DeliveryOptions"] == {"TlsPolicy": "OPTIONAL"}
    with pytest.raises(ses.exceptions.BadRequestException):
        ses.put_configuration_set_delivery_options(ConfigurationSetName=SET, MaxDeliverySeconds=50_401)


def test_long_lists_come_in_pages(ses: Any) -> None:
    """PageSize and NextToken work for identities and for configuration sets."""
    names = [f"name-{number}" for number in range(5)]
    for name in names:
        ses.create_configuration_set(ConfigurationSetName=name)
        ses.create_email_identity(EmailIdentity=f"{name}.example")
    first = ses.list_configuration_sets(PageSize=3)
    second = ses.list_configuration_sets(PageSize=3, NextToken=first["NextToken"])
    assert (first["ConfigurationSets"], second["ConfigurationSets"]) == (names[:3], names[3:])
    found = ses.list_email_identities(PageSize=5)
    assert [one["IdentityName"] for one in found["EmailIdentities"]] == [f"{name}.example" for name in names]
    assert "NextToken" not in second | found
    with pytest.raises(ses.exceptions.InvalidNextTokenException):
        ses.list_configuration_sets(NextToken="guessed")


def test_the_account_may_be_under_review(simulator: Simulator, ses: Any) -> None:
    """EnforcementStatus is what the control surface says; an account that is shut down sends nothing."""
    assert ses.get_account()["EnforcementStatus"] == "HEALTHY"
    control(simulator, "PUT", "account", {"enforcement": "PROBATION", "production_access": False})
    found = ses.get_account()
    assert (found["EnforcementStatus"], found["ProductionAccessEnabled"]) == ("PROBATION", False)
    assert send(ses, "ann@example.com")
    control(simulator, "PUT", "account", {"enforcement": "SHUTDOWN"})
    found = ses.get_account()
    assert (found["EnforcementStatus"], found["SendingEnabled"]) == ("SHUTDOWN", False)
    with pytest.raises(ses.exceptions.SendingPausedException):
        send(ses, "ann@example.com")
