"""The checks of the AWS account, against the simulator: each fault is found, named, and comes with its fix."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.aws.setup.checks.everything import AwsChecks
from app.domain.account.findings import Finding, Group, Status, overall
from app.domain.account.setup.blueprint import EVENT_TYPES
from app.wiring.doctor import wanted
from config import Settings
from simulator import Options, Simulator
from tests.integration.account.aws_clients import clients_of
from tests.support.aws.setup.bare_account import BareAccount
from tests.support.aws.simulator import client, control, listening, until
from tests.support.gateway.gateways import settings_for

if TYPE_CHECKING:
    from mypy_boto3_sesv2.literals import SuppressionListReasonType

TARGET = "/feedback/sns"
SENDERS = ("@example.com",)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(Options(data=tmp_path)) as running:
        yield running


@pytest.fixture
def aws(simulator: Simulator) -> BareAccount:
    return BareAccount(client("sesv2", simulator), client("sns", simulator))


def settings(public_url: str = "http://127.0.0.1:9", **more: Any) -> Settings:
    return settings_for("sqlite:///unused.db", "redis://127.0.0.1:9", public_url=public_url, **more)


def found(
    simulator: Simulator, given: Settings, *, senders: tuple[str, ...] | None = SENDERS, **more: Any
) -> list[Finding]:
    """Everything that the checks find."""
    return list(AwsChecks(clients_of(simulator), **more)(wanted(given, senders=senders)))


def named(simulator: Simulator, given: Settings, **more: Any) -> dict[str, Finding]:
    """The findings by name."""
    return {one.name: one for one in found(simulator, given, **more)}


def wrong(simulator: Simulator, given: Settings, **more: Any) -> dict[str, Finding]:
    """The findings that something must be fixed, by name."""
    return {one.name: one for one in found(simulator, given, **more) if one.ok is False}


def destination(topic_arn: str, *, kinds: tuple[str, ...] = EVENT_TYPES, enabled: bool = True) -> dict[str, Any]:
    return {
        "ConfigurationSetName": "postern",
        "EventDestinationName": "postern",
        "EventDestination": {
            "Enabled": enabled,
            "MatchingEventTypes": list(kinds),
            "SnsDestination": {"TopicArn": topic_arn},
        },
    }


def refuse(simulator: Simulator, operation: str, fault: str) -> None:
    """Let the simulator refuse every call of this operation."""
    control(simulator, "POST", "faults", [{"fault": fault, "match": {"operation": operation}}])


def test_a_set_up_made_by_up_has_no_fault(simulator: Simulator, aws: BareAccount) -> None:
    """Topic, configuration set, event destination, identity and a confirmed subscription."""
    with listening(simulator) as endpoint:
        public_url = endpoint.url.removesuffix(TARGET)
        topic_arn = aws.make_topic("postern")
        aws.subscribe(topic_arn, public_url)
        until(lambda: aws.is_confirmed(topic_arn, public_url))
        all_found = found(simulator, settings(public_url, sns_topic_arns=topic_arn))
        assert overall(all_found) is True
        assert {one.status for one in all_found} <= {Status.WELL, Status.SKIPPED}


def test_an_account_without_any_set_up_gets_a_fix_for_each_part(simulator: Simulator) -> None:
    """Identity, configuration set and topic do not exist; the fix is to make them."""
    faults = wrong(simulator, settings())
    assert set(faults) == {
        "example.com",
        "configuration set",
        "event destination",
        "topic postern-feedback",
        "subscription of postern-feedback",
    }
    assert all(finding.fix for finding in faults.values())
    assert "./postern ses apply --domain example.com" in faults["example.com"].fix
    assert "create it, or correct its name" in faults["configuration set"].fix


def test_a_suppression_list_that_is_switched_off_is_found(simulator: Simulator, aws: BareAccount) -> None:
    """For complaints it has to be on. For bounces it is a choice, and the finding says what follows from it."""

    def found_for(*reasons: "SuppressionListReasonType") -> tuple[bool | None, str]:
        aws.ses.put_account_suppression_attributes(SuppressedReasons=list(reasons))
        one = named(simulator, settings())["suppression list"]
        return one.ok, one.found

    assert found_for("BOUNCE", "COMPLAINT")[0]
    assert found_for("COMPLAINT") == (True, "on for complaints: Postern alone judges bounces")
    assert found_for("BOUNCE") == (False, "switched off for COMPLAINT")
    assert found_for() == (False, "switched off for BOUNCE and COMPLAINT")


def test_an_account_that_may_not_send_is_found(tmp_path: Path) -> None:
    """Sending is paused, the account is in the sandbox, and its quota is used up: each with what to do."""
    with Simulator(Options(data=tmp_path, production_access=False, max_24h=0.0)) as simulator:
        client("sesv2", simulator).put_account_sending_attributes(SendingEnabled=False)
        faults = wrong(simulator, settings())
    assert faults["sending"].found.startswith("paused")
    assert "resume sending" in faults["sending"].fix
    assert faults["production access"].fix.startswith("request production access")
    assert faults["quota"].fix == "ask AWS for a higher sending quota"


def test_settings_without_a_set_and_a_topic_are_found(simulator: Simulator) -> None:
    """Without a configuration set and a topic no bounce would ever come back."""
    faults = wrong(simulator, settings(ses_configuration_set="", sns_topic_arns=()))
    assert "SES_CONFIGURATION_SET" in faults["configuration set"].fix
    assert faults["topic"].found == "SNS_TOPIC_ARNS is not set"


def test_a_configuration_set_that_is_paused_is_found(simulator: Simulator, aws: BareAccount) -> None:
    """SES refuses every email that names it."""
    topic_arn = aws.make_topic("postern")
    aws.ses.put_configuration_set_sending_options(ConfigurationSetName="postern", SendingEnabled=False)
    fault = wrong(simulator, settings(sns_topic_arns=topic_arn))["configuration set"]
    assert (fault.found, fault.fix) == ("postern is paused", "enable sending for the configuration set")


def test_events_that_are_not_published_are_named(simulator: Simulator, aws: BareAccount) -> None:
    """A destination without bounces, one that is off, as SES makes it by default, and one of another topic."""
    topic_arn = aws.make_topic("postern")
    given = settings(sns_topic_arns=topic_arn)
    few = destination(topic_arn, kinds=tuple(kind for kind in EVENT_TYPES if kind != "BOUNCE"))
    aws.ses.update_configuration_set_event_destination(**few)
    assert wrong(simulator, given)["event destination"].found == "not published: BOUNCE"
    aws.ses.update_configuration_set_event_destination(**destination(topic_arn, enabled=False))
    assert wrong(simulator, given)["event destination"].fix == "enable the event destination"
    other = aws.sns.create_topic(Name="other")["TopicArn"]
    aws.ses.update_configuration_set_event_destination(**destination(other))
    assert wrong(simulator, given)["event destination"].found == "no event is published to our topics"


def test_a_topic_with_weak_signatures_or_no_subscription_is_found(simulator: Simulator, aws: BareAccount) -> None:
    """Signature version 1 where 2 is required, and a missing subscription."""
    topic_arn = aws.make_topic("postern")
    aws.sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="SignatureVersion", AttributeValue="1")
    faults = wrong(simulator, settings(sns_topic_arns=topic_arn))
    assert "SignatureVersion to 2" in faults["topic postern-feedback"].fix
    assert faults["subscription of postern-feedback"].found == "missing"
    assert "subscribe http://127.0.0.1:9/feedback/sns" in faults["subscription of postern-feedback"].fix


def test_a_missing_permission_is_named_with_the_line_that_gives_it(simulator: Simulator, aws: BareAccount) -> None:
    """A permission that the processes need must be given; one of this command alone leaves its part unknown."""
    topic_arn = aws.make_topic("postern")
    given = settings(sns_topic_arns=topic_arn)
    refuse(simulator, "DeleteSuppressedDestination", "403:AccessDeniedException:no")
    fault = wrong(simulator, given)["ses:DeleteSuppressedDestination"]
    assert '{"Effect": "Allow", "Action": "ses:DeleteSuppressedDestination", "Resource": "*"}' in fault.fix
    refuse(simulator, "GetConfigurationSet", "403:AccessDeniedException:no")
    known = named(simulator, given)
    assert known["configuration set"].status is Status.UNKNOWN
    assert '"Action": "ses:GetConfigurationSet"' in known["configuration set"].fix
    assert known["event destination"].ok, "one denied call hides no other"


def test_a_call_that_stays_throttled_is_unknown(simulator: Simulator) -> None:
    """It is no fault of the account."""
    refuse(simulator, "GetAccount", "429:TooManyRequestsException:slower")
    known = named(simulator, settings())["account"]
    assert (known.status, known.found) == (Status.UNKNOWN, "AWS throttles these calls")


def test_credentials_that_ended_are_reported_once(simulator: Simulator) -> None:
    """Everything after them is unknown without another call, and the fix is said where they were noticed."""
    refuse(simulator, "*", "403:ExpiredTokenException:old")
    known = named(simulator, settings())
    assert known["credentials"].found == "AWS answered ExpiredToken"
    assert "renew the AWS credentials" in known["credentials"].fix
    assert {one.found for name, one in known.items() if name != "credentials"} >= {"AWS was not asked again"}
    assert overall(known.values()) is None
    assert control(simulator, "GET", "faults")[0]["struck"] == 1


def test_an_aws_that_cannot_be_reached_is_unknown(tmp_path: Path) -> None:
    """Not a traceback: every part says that it could not be looked at, and nothing is called wrong."""
    with Simulator(Options(data=tmp_path)) as gone:
        asked = clients_of(gone)
    known = list(AwsChecks(asked)(wanted(settings(), senders=SENDERS)))
    assert overall(known) is None
    assert "check the network" in next(one for one in known if one.name == "account").fix


def test_the_senders_decide_which_identities_are_looked_at(simulator: Simulator, aws: BareAccount) -> None:
    """An address is covered by its own identity, its domain or one above it; `*` means every verified domain."""
    aws.ses.create_email_identity(EmailIdentity="example.com")
    aws.ses.create_email_identity(EmailIdentity="ann@example.org")

    def identities(*senders: str) -> set[str]:
        of = found(simulator, settings(), senders=senders)
        return {one.name for one in of if one.group is Group.IDENTITY and one.ok and " of " not in one.name}

    assert identities("ann@example.org", "@news.example.com") == {"ann@example.org", "example.com"}
    assert identities("*") == {"example.com"}
    assert wrong(simulator, settings(), senders=("@example.net",))["example.net"].found == "SES has no such identity"
    assert named(simulator, settings(), senders=())["identities"].status is Status.WARNING
    assert named(simulator, settings(), senders=None)["identities"].status is Status.UNKNOWN


def test_what_takes_too_long_is_not_looked_at(simulator: Simulator) -> None:
    """The run has an end, and what is left is unknown."""
    moments = iter([0.0, 1.0])
    known = list(
        AwsChecks(clients_of(simulator), within_s=30.0, monotonic=lambda: next(moments, 100.0))(
            wanted(settings(), senders=SENDERS)
        )
    )
    assert {one.found for one in known[1:]} == {"not looked at within 30 s"}
