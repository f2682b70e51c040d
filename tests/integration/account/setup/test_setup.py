"""A deployment from an empty account to an empty account, against the simulator."""

from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from app.domain.account.setup.choices import Choices
from app.domain.account.setup.plan import Action, Change, is_pending
from app.domain.account.setup.resources import Kind
from app.domain.account.setup.trouble import SetupStopped
from app.services.account.setup import SetUp
from simulator import Simulator
from tests.support.aws.setup.account_setup import CHOICES, account_at, apply, clients, lines, setup_at
from tests.support.aws.simulator import listening

TOPIC = "arn:aws:sns:eu-west-1:123456789012:postern-feedback"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:postern-feedback"
SQS_ONLY = Choices(domains=("example.com",), sqs=True)

WAYS = [one for one in product(["", CHOICES.url], [False, True], [False, True]) if any(one[:2])]


def test_from_an_empty_account_to_everything_and_back(simulator: Simulator, setup: SetUp) -> None:
    """Apply makes all, the next plan finds only the subscription that waits, destroy leaves the account as it was."""
    before = account_at(simulator.url)
    seen: list[Change] = []
    made = apply(setup, show=seen.append)
    assert [one.resource.kind for one in seen] == [
        Kind.CONFIGURATION_SET,
        Kind.TOPIC,
        *[Kind.QUEUE] * 3,
        Kind.EVENT_DESTINATION,
        Kind.IDENTITY,
        *[Kind.SUBSCRIPTION] * 3,
    ]
    assert lines(made.plan) == ["~ subscription http://127.0.0.1:9/feedback/sns"]
    assert is_pending(made.plan.changes[0])
    removed = setup.plan_removal("postern")
    assert {one.action for one in removed.plan.changes} == {Action.REMOVE}
    setup.destroy(removed, show=lambda _: None)
    assert account_at(simulator.url) == before
    assert setup.plan_removal("postern").plan.changes == ()


@pytest.mark.parametrize("url, sqs, archive", WAYS)
def test_a_plan_without_options_wants_what_is_there(setup: SetUp, url: str, sqs: bool, archive: bool) -> None:
    """What was asked for is found again at AWS, in every combination."""
    choices = Choices(domains=("a.example", "b.example"), url=url, sqs=sqs, archive=archive)
    apply(setup, choices)
    again = setup.plan(Choices(default_url="https://other.example"))
    assert [one for one in again.plan.changes if not is_pending(one)] == []
    assert (again.wanted.domains, again.wanted.sqs, again.wanted.archive) == (choices.domains, sqs, archive)
    assert again.wanted.url == url


def test_a_second_apply_changes_nothing(simulator: Simulator, setup: SetUp) -> None:
    """It makes no call that changes anything."""
    apply(setup)
    before = account_at(simulator.url)
    seen: list[Change] = []
    apply(setup, show=seen.append)
    assert seen == []
    assert account_at(simulator.url) == before


def test_what_is_not_wanted_any_more_is_removed(setup: SetUp) -> None:
    """Each option that is taken back removes its resources; a new URL replaces the old subscription."""
    apply(setup)
    other = frozenset({"example.com"})
    without = Choices(url="", archive=False, domains=("other.example",), dropped=other)
    assert lines(setup.plan(without).plan) == [
        "+ identity other.example",
        "- subscription arn:aws:sqs:eu-west-1:123456789012:postern-feedback-archive",
        "- identity example.com",
        "- queue postern-feedback-archive",
        "~ configuration set postern",
    ]
    apply(setup, without)
    assert setup.plan(Choices()).plan.changes == ()


def test_a_change_of_mind_that_was_stopped_still_removes_what_it_replaces(simulator: Simulator, setup: SetUp) -> None:
    """Stopped at each step, another set of domains and queues ends as if it had not been stopped."""
    dropped = frozenset({"example.com"})
    without = Choices(domains=("other.example",), dropped=dropped, url="", sqs=True, archive=False)
    apply(setup, without)
    wanted = account_at(simulator.url)
    setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
    for step in range(6):
        before = Choices(domains=("example.com",), dropped=frozenset({"other.example"}), sqs=True, archive=True)
        apply(setup, before)
        steps = iter(range(100))

        def stop(_: Change, step: int = step, steps: Any = steps) -> None:
            if next(steps) == step:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            apply(setup, without, show=stop)
        apply(setup, without)
        assert account_at(simulator.url) == wanted


def test_the_old_subscription_stays_until_the_new_one_is_confirmed(simulator: Simulator, setup: SetUp) -> None:
    """In between SNS would deliver to nothing. Then the old one goes, even if the command was stopped meanwhile."""
    with listening(simulator) as old, listening(simulator, confirms=False) as new:
        first, second = (Choices(domains=(), url=one.url.removesuffix("/feedback/sns")) for one in (old, new))
        assert setup.confirm(apply(setup, first), within_s=10, show=lambda _: None).plan.changes == ()
        waiting = apply(setup, second)
        assert lines(waiting.plan) == [
            f"~ subscription {new.url}",
            f"- subscription {old.url}",
            "~ configuration set postern",
        ]
        new.confirms = True
        confirmed = setup.confirm(apply(setup, second), within_s=20, show=lambda _: None)
        assert lines(confirmed.plan) == [f"- subscription {old.url}", "~ configuration set postern"]
        assert setup.apply(confirmed, show=lambda _: None).plan.changes == ()


@pytest.mark.parametrize("kind", ["configuration set", "topic", "queue"])
def test_a_resource_with_our_name_that_is_not_ours_stops_everything(
    simulator: Simulator, setup: SetUp, kind: str
) -> None:
    """Nothing is made beside it; `--adopt` takes it over, and destroy then removes it."""
    of = clients(simulator.url)
    match kind:
        case "configuration set":
            of.ses.create_configuration_set(ConfigurationSetName="postern")
        case "topic":
            of.sns.create_topic(Name="postern-feedback")
        case "queue":
            of.sqs.create_queue(QueueName="postern-feedback")
    before = account_at(simulator.url)
    name = "postern" if kind == "configuration set" else "postern-feedback"
    with pytest.raises(SetupStopped, match=f"{kind} {name} has no tag postern"):
        apply(setup, SQS_ONLY)
    assert account_at(simulator.url) == before
    adopting = Choices(domains=("example.com",), sqs=True, adopt=frozenset({name}))
    apply(setup, adopting)
    assert setup.plan(Choices()).plan.changes == ()
    setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
    assert account_at(simulator.url) == account_at(simulator.url) | {"sets": {}, "topics": {}, "queues": {}}


def test_an_identity_that_is_there_is_used_and_never_touched(simulator: Simulator, setup: SetUp) -> None:
    """A domain that somebody verified before serves as it is, and stays when the deployment goes."""
    clients(simulator.url).ses.create_email_identity(EmailIdentity="example.com")
    before = account_at(simulator.url)
    apply(setup, SQS_ONLY)
    assert lines(setup.plan(Choices()).plan) == ["= identity example.com"]
    assert setup.plan(Choices()).plan.work == ()
    setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
    assert account_at(simulator.url) == before


def test_two_deployments_live_in_one_account(simulator: Simulator, setup: SetUp) -> None:
    """Each has resources of its own; removing one leaves the other, and the domain that both use, as they were."""
    apply(setup, SQS_ONLY)
    before = account_at(simulator.url)
    other = Choices(name="staging", domains=("example.com",), sqs=True)
    assert "= identity example.com" in lines(apply(setup, other).plan)
    setup.destroy(setup.plan_removal("staging"), show=lambda _: None)
    assert account_at(simulator.url) == before


def test_the_suppression_list_of_the_account_is_left_alone_unless_asked(simulator: Simulator, setup: SetUp) -> None:
    """Without `--suppressed-reasons` no plan names it; with it, it is set, and destroy leaves it so."""
    ses = clients(simulator.url).ses

    def reasons() -> list[str]:
        return sorted(ses.get_account()["SuppressionAttributes"]["SuppressedReasons"])

    ses.put_account_suppression_attributes(SuppressedReasons=["BOUNCE"])
    apply(setup, SQS_ONLY)
    assert reasons() == ["BOUNCE"]
    asked = Choices(suppressed_reasons=("COMPLAINT",))
    assert lines(setup.plan(asked).plan) == ["~ suppression list account"]
    apply(setup, asked)
    assert reasons() == ["COMPLAINT"]
    assert setup.plan(asked).plan.changes == ()
    setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
    assert reasons() == ["COMPLAINT"]


def test_a_subscription_of_another_on_our_topic_stays(simulator: Simulator, setup: SetUp) -> None:
    """Only endpoints of gateways and our own queues are ours."""
    apply(setup, SQS_ONLY)
    of = clients(simulator.url)
    of.sns.subscribe(
        TopicArn=TOPIC, Protocol="http", Endpoint="http://127.0.0.1:9/watching", ReturnSubscriptionArn=True
    )
    before = account_at(simulator.url)
    assert setup.plan(Choices()).plan.changes == ()
    apply(setup, Choices())
    assert account_at(simulator.url) == before


def test_the_next_steps_are_those_of_the_account(simulator: Simulator, setup: SetUp) -> None:
    """The DNS records have the tokens that SES made, and the settings the URL of the queue."""
    made = apply(setup, SQS_ONLY)
    steps = setup.next_steps(made.wanted)
    of = clients(simulator.url)
    tokens = of.ses.get_email_identity(EmailIdentity="example.com")["DkimAttributes"]["Tokens"]
    assert [record.name for record, _ in steps.dns[:3]] == [f"{token}._domainkey.example.com" for token in tokens]
    assert steps.env["SQS_QUEUE_URLS"] == of.sqs.get_queue_url(QueueName="postern-feedback")["QueueUrl"]
    assert steps.env["SNS_TOPIC_ARNS"] == TOPIC


def test_another_domain_leaves_those_that_are_there(simulator: Simulator, setup: SetUp) -> None:
    """A second `--domain` later on must not end the sending of the first, even with `--yes`."""
    apply(setup, SQS_ONLY)
    planned = setup.plan(Choices(domains=("other.example",)))
    assert lines(planned.plan) == ["+ identity other.example", "~ configuration set postern"]
    setup.apply(planned, show=lambda _: None)
    assert set(account_at(simulator.url)["identities"]) == {"example.com", "other.example"}
    assert setup.plan(Choices()).wanted.domains == ("example.com", "other.example")


def test_more_domains_than_can_be_remembered_are_refused(setup: SetUp) -> None:
    """They are kept in a tag, which holds 256 characters."""
    with pytest.raises(SetupStopped, match="256 characters"):
        setup.plan(Choices(domains=tuple(f"{letter * 60}.example" for letter in "abcd"), sqs=True))


def test_a_deployment_without_a_way_back_is_refused(setup: SetUp) -> None:
    """Events that nothing takes would be lost without a word."""
    with pytest.raises(SetupStopped, match="no way back"):
        setup.plan(Choices(domains=("example.com",)))


def test_two_at_once_end_with_the_same_account(simulator: Simulator, setup: SetUp) -> None:
    """Two plans of an empty account are applied one inside the other, at every step of the first."""
    wanted = apply(setup, SQS_ONLY)
    alone = account_at(simulator.url)
    for step in range(8):
        setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
        other = setup_at(simulator.url)
        steps = iter(range(100))

        def meanwhile(_: Change, step: int = step, steps: Any = steps, other: SetUp = other) -> None:
            if next(steps) == step:
                apply(other, SQS_ONLY)

        assert apply(setup, SQS_ONLY, show=meanwhile).plan == wanted.plan
        assert account_at(simulator.url) == alone
