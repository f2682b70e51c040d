"""The look at the AWS side, against the simulator: each fault is found, named, and comes with what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.aws_setup import NEEDED, AwsSetup, Finding
from config import Settings
from simulator import Options, Simulator
from tests.gateways import settings_for
from tests.simulating import client, listening, until

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
    """What is found to be wrong, by its name."""
    return {finding.name: finding for finding in aws.findings(given) if not finding.ok}


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


def test_what_up_makes_is_found_well(simulator: Simulator, aws: AwsSetup) -> None:
    """Topic, configuration set, event destination and a confirmed subscription: nothing is wrong."""
    with listening(simulator) as endpoint:
        public_url = endpoint.url.removesuffix(TARGET)
        topic_arn = aws.make_topic("postern")
        aws.subscribe(topic_arn, public_url)
        until(lambda: aws.is_confirmed(topic_arn, public_url))
        assert wrong(aws, settings(public_url, sns_topic_arns=topic_arn)) == {}


def test_an_account_without_any_set_up_is_told_each_part(aws: AwsSetup) -> None:
    """The configuration set and the topic do not exist; the advice is to make them."""
    found = wrong(aws, settings())
    assert {name.partition(" arn:")[0] for name in found} == {"configuration set", "topic"}
    assert all("make it, or correct its name" in finding.advice for finding in found.values())


def test_a_suppression_list_that_is_switched_off_is_found(aws: AwsSetup) -> None:
    """For which reason SES's own list keeps nothing back."""
    assert "suppression list" not in wrong(aws, settings())
    aws.ses.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    assert wrong(aws, settings())["suppression list"].found == "switched off for BOUNCE"


def test_settings_that_name_nothing_are_told_so(aws: AwsSetup) -> None:
    """Without a configuration set and a topic no bounce would ever come back."""
    found = wrong(aws, settings(ses_configuration_set="", sns_topic_arns=()))
    assert "SES_CONFIGURATION_SET" in found["configuration set"].advice
    assert found["topic"].found == "SNS_TOPIC_ARNS is not set"


def test_events_that_nobody_publishes_are_named(aws: AwsSetup) -> None:
    """A destination that lacks bounces, or is switched off as SES makes it by default, is no destination."""
    topic_arn = aws.make_topic("postern")
    given = settings(sns_topic_arns=topic_arn)
    few = destination(topic_arn, kinds=tuple(kind for kind in NEEDED if kind != "BOUNCE"))
    aws.ses.update_configuration_set_event_destination(**few)
    assert wrong(aws, given)["event destination"].found == "not published: BOUNCE"
    aws.ses.update_configuration_set_event_destination(**destination(topic_arn, enabled=False))
    assert wrong(aws, given)["event destination"].found == f"not published: {', '.join(NEEDED)}"


def test_a_topic_that_signs_too_weakly_or_tells_nobody_is_found(simulator: Simulator, aws: AwsSetup) -> None:
    """Signature version 1 where 2 is asked for; a subscription that is missing, then one that waits."""
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
    """Not a traceback: every part says that it could not be asked."""
    with Simulator(Options(data=tmp_path)) as gone:
        aws = AwsSetup(client("sesv2", gone), client("sns", gone))
    found = wrong(aws, settings())
    assert "account" in found
    assert all("network" in finding.advice for finding in found.values())
