"""The check of the AWS side, against the simulator: each fault is found, named, and comes with advice."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.aws.setup.resources import NEEDED, AwsSetup, Finding
from app.wiring.account import expected
from config import Settings
from simulator import Options, Simulator
from tests.support.aws.simulator import client, listening, until
from tests.support.gateway.gateways import settings_for

if TYPE_CHECKING:
    from mypy_boto3_sesv2.literals import SuppressionListReasonType

TARGET = "/feedback/sns"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(Options(data=tmp_path)) as running:
        yield running


@pytest.fixture
def aws(simulator: Simulator) -> AwsSetup:
    return AwsSetup(client("sesv2", simulator), client("sns", simulator))


def settings(public_url: str = "http://127.0.0.1:9", **more: Any) -> Settings:
    return settings_for("sqlite:///unused.db", "redis://127.0.0.1:9", public_url=public_url, **more)


def wrong(aws: AwsSetup, given: Settings) -> dict[str, Finding]:
    """The names of the faults found."""
    return {finding.name: finding for finding in aws.findings(expected(given)) if not finding.ok}


def destination(topic_arn: str, *, kinds: tuple[str, ...] = NEEDED, enabled: bool = True) -> dict[str, Any]:
    return {
        "ConfigurationSetName": "postern",
        "EventDestinationName": "postern",
        "EventDestination": {
            "Enabled": enabled,
            "MatchingEventTypes": list(kinds),
            "SnsDestination": {"TopicArn": topic_arn},
        },
    }


def test_a_set_up_made_by_up_has_no_fault(simulator: Simulator, aws: AwsSetup) -> None:
    """Topic, configuration set, event destination and a confirmed subscription."""
    with listening(simulator) as endpoint:
        public_url = endpoint.url.removesuffix(TARGET)
        topic_arn = aws.make_topic("postern")
        aws.subscribe(topic_arn, public_url)
        until(lambda: aws.is_confirmed(topic_arn, public_url))
        assert wrong(aws, settings(public_url, sns_topic_arns=topic_arn)) == {}


def test_an_account_without_any_set_up_gets_advice_for_each_part(aws: AwsSetup) -> None:
    """The configuration set and the topic do not exist; the advice is to make them."""
    found = wrong(aws, settings())
    assert {name.partition(" arn:")[0] for name in found} == {"configuration set", "topic"}
    assert all("create it, or correct its name" in finding.advice for finding in found.values())


def test_a_suppression_list_that_is_switched_off_is_found(aws: AwsSetup) -> None:
    """For complaints it has to be on. For bounces it is a choice, and the finding says what follows from it."""

    def found_for(*reasons: "SuppressionListReasonType") -> tuple[bool, str]:
        aws.ses.put_account_suppression_attributes(SuppressedReasons=list(reasons))
        [one] = [one for one in aws.findings(expected(settings())) if one.name == "suppression list"]
        return one.ok, one.found

    assert found_for("BOUNCE", "COMPLAINT")[0]
    assert found_for("COMPLAINT") == (True, "on for complaints: Postern alone judges bounces")
    assert found_for("BOUNCE") == (False, "switched off for COMPLAINT")
    assert found_for() == (False, "switched off for BOUNCE and COMPLAINT")


def test_settings_without_a_set_and_a_topic_are_found(aws: AwsSetup) -> None:
    """Without a configuration set and a topic no bounce would ever come back."""
    found = wrong(aws, settings(ses_configuration_set="", sns_topic_arns=()))
    assert "SES_CONFIGURATION_SET" in found["configuration set"].advice
    assert found["topic"].found == "SNS_TOPIC_ARNS is not set"


def test_events_that_are_not_published_are_named(aws: AwsSetup) -> None:
    """A destination without bounces, or one that is off, as SES makes it by default, does not count."""
    topic_arn = aws.make_topic("postern")
    given = settings(sns_topic_arns=topic_arn)
    few = destination(topic_arn, kinds=tuple(kind for kind in NEEDED if kind != "BOUNCE"))
    aws.ses.update_configuration_set_event_destination(**few)
    assert wrong(aws, given)["event destination"].found == "not published: BOUNCE"
    aws.ses.update_configuration_set_event_destination(**destination(topic_arn, enabled=False))
    assert wrong(aws, given)["event destination"].found == f"not published: {', '.join(NEEDED)}"


def test_a_topic_with_weak_signatures_or_no_subscription_is_found(simulator: Simulator, aws: AwsSetup) -> None:
    """Signature version 1 where 2 is required; a missing subscription, then one that is not confirmed."""
    with listening(simulator, confirms=False) as endpoint:
        public_url = endpoint.url.removesuffix(TARGET)
        topic_arn = aws.make_topic("postern")
        given = settings(public_url, sns_topic_arns=topic_arn)
        aws.sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="SignatureVersion", AttributeValue="1")
        found = wrong(aws, given)
        assert "SignatureVersion to 2" in found["topic postern-feedback"].advice
        assert found["topic postern-feedback, subscription"].found == "missing"
        aws.subscribe(topic_arn, public_url)
        assert not aws.is_confirmed(topic_arn, public_url)
        assert wrong(aws, given)["topic postern-feedback, subscription"].found == "waits for confirmation"


def test_an_aws_that_cannot_be_reached_is_a_finding(tmp_path: Path) -> None:
    """Not a traceback: every part says that it could not be checked."""
    with Simulator(Options(data=tmp_path)) as gone:
        aws = AwsSetup(client("sesv2", gone), client("sns", gone))
    found = wrong(aws, settings())
    assert "account" in found
    assert all("network" in finding.advice for finding in found.values())
