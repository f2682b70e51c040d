"""What a plan does with each resource, from what is wanted and what was found: the rules alone."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.account.setup.blueprint import DELIVERY_POLICY, blueprint, tags_of
from app.domain.account.setup.plan import Action, Change, changes_to, differences_of, removals
from app.domain.account.setup.resources import Found, Kind, Resource
from tests.support.aws.setup.deployments import URL, deployment, every_way

OURS = "postern"
WHOLE = blueprint(deployment(sqs=True, archive=True))


def found(resource: Resource, owner: str | None = OURS, **changed: Any) -> Found:
    """Return the resource as AWS has it, with some properties changed."""
    return Found(properties={**resource.properties, **changed}, owner=owner)


def changes(resource: Resource, what: Found | None, *, adopt: frozenset[str] = frozenset()) -> list[Change]:
    """Return the plan for one resource."""
    seen = {} if what is None else {resource.key: what}
    return changes_to([resource], seen, deployment=OURS, adopt=adopt)


@pytest.mark.parametrize("wanted", every_way(), ids=repr)
def test_an_empty_account_lacks_every_resource_and_a_finished_one_lacks_none(wanted: Any) -> None:
    """The plan of an empty account makes all, in the order of the blueprint; where all is there, it is empty."""
    resources = blueprint(wanted)
    made = changes_to(resources, {}, deployment=OURS, adopt=frozenset())
    assert [one.resource for one in made] == list(resources)
    assert {one.action for one in made} == {Action.MAKE}
    assert all(one.reason for one in made)
    everything = {one.key: found(one) for one in resources}
    assert changes_to(resources, everything, deployment=OURS, adopt=frozenset()) == []


@pytest.mark.parametrize("resource", WHOLE, ids=lambda one: f"{one.kind} {one.name}")
def test_each_property_that_somebody_changed_is_shown_with_both_values(resource: Resource) -> None:
    """A property that differs, or is not set, is one difference of a change, and no other property is named."""
    for name, wanted in resource.properties.items():
        for other in (None, "something else"):
            (change,) = changes(resource, found(resource, **{name: other}))
            assert change.action is Action.CHANGE
            assert [(one.name, one.found, one.wanted) for one in change.differences] == [(name, other, wanted)]


@pytest.mark.parametrize("owner", [None, "staging"])
@pytest.mark.parametrize("resource", WHOLE, ids=lambda one: f"{one.kind} {one.name}")
def test_what_another_made_is_never_changed(resource: Resource, owner: str | None) -> None:
    """Without our tag a resource is refused, an identity is used as it is; neither is work, whatever its properties."""
    changed = dict.fromkeys(resource.properties, "something else")
    (change,) = changes(resource, found(resource, owner=owner, **changed))
    assert change.action is (Action.USE if resource.kind is Kind.IDENTITY else Action.REFUSE)
    assert not change.is_work
    assert f"--adopt {resource.name}" in change.reason


@pytest.mark.parametrize("owner", [None, "staging"])
@pytest.mark.parametrize("resource", WHOLE, ids=lambda one: f"{one.kind} {one.name}")
def test_what_is_adopted_by_name_gets_the_tag_and_what_it_lacks(resource: Resource, owner: str | None) -> None:
    """`--adopt NAME` turns a foreign resource into a change whose first difference is the tag."""
    (change,) = changes(resource, found(resource, owner=owner), adopt=frozenset({resource.name}))
    assert change.action is Action.CHANGE
    assert change.adopts
    assert [(one.name, one.found, one.wanted) for one in change.differences] == [("tag postern", owner, OURS)]


def test_only_what_is_there_and_ours_is_removed_and_the_last_made_goes_first() -> None:
    """Removals skip what is missing and what has another tag, and go against the order of making."""
    seen = {one.key: found(one) for one in WHOLE[1:]} | {WHOLE[2].key: found(WHOLE[2], owner="staging")}
    removed = removals(WHOLE, seen, deployment=OURS, reason="because")
    assert [one.resource for one in removed] == [one for one in reversed(WHOLE) if one not in (WHOLE[0], WHOLE[2])]
    assert {one.action for one in removed} == {Action.REMOVE}


def test_a_mail_from_domain_that_somebody_chose_stays() -> None:
    """Any subdomain of the identity serves; one of another domain does not."""
    identity = next(one for one in WHOLE if one.kind is Kind.IDENTITY)
    assert not differences_of(identity, found(identity, MailFromDomain="mail.example.com"))
    assert differences_of(identity, found(identity, MailFromDomain="mail.example.org"))
    assert differences_of(identity, found(identity, MailFromDomain="notexample.com"))


def test_members_that_aws_adds_to_a_delivery_policy_are_no_difference() -> None:
    """AWS answers more members than were set; a member that was set and differs is a difference."""
    subscription = next(one for one in WHOLE if "DeliveryPolicy" in one.properties)
    policy = json.loads(json.dumps(DELIVERY_POLICY))
    policy["healthyRetryPolicy"]["numMaxDelayRetries"] = 35
    more = policy | {"throttlePolicy": None, "guaranteed": False}
    assert not differences_of(subscription, found(subscription, DeliveryPolicy=more))
    more["healthyRetryPolicy"]["numRetries"] = 3
    assert differences_of(subscription, found(subscription, DeliveryPolicy=more))


def test_numbers_that_aws_answers_as_text_or_as_numbers_are_the_same() -> None:
    """SQS answers attributes as text, and the count in a redrive policy as a number."""
    queue = next(one for one in WHOLE if "RedrivePolicy" in one.properties and one.kind is Kind.QUEUE)
    redrive: Any = queue.properties["RedrivePolicy"]
    other = {**redrive, "maxReceiveCount": int(redrive["maxReceiveCount"])}
    assert not differences_of(queue, found(queue, RedrivePolicy=other, VisibilityTimeout="120"))
    assert differences_of(queue, found(queue, RedrivePolicy={**redrive, "maxReceiveCount": 3}))


@given(st.sampled_from(WHOLE), st.data())
def test_a_plan_never_touches_what_it_does_not_own(resource: Resource, data: st.DataObject) -> None:
    """Whatever the properties are, a foreign resource without `--adopt` is never work."""
    values = st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.integers())
    properties = {name: data.draw(values) for name in resource.properties}
    owner = data.draw(st.sampled_from([None, "", "staging", "POSTERN"]))
    adopt = frozenset(data.draw(st.lists(st.sampled_from(["other", OURS + "x"]), max_size=2)))
    seen = Found(properties=properties, owner=owner)
    assert not any(one.is_work for one in changes(resource, seen, adopt=adopt))
    assert not removals([resource], {resource.key: seen}, deployment=OURS, reason="")


def test_a_policy_that_says_the_same_in_another_form_is_no_difference() -> None:
    """Lists of one, the order of statements, and the case of condition keys mean nothing; any other change does."""
    topic = next(one for one in WHOLE if one.kind is Kind.TOPIC)
    policy: Any = json.loads(json.dumps(topic.properties["Policy"]))
    (statement,) = policy["Statement"]
    conditions = statement["Condition"]["StringEquals"]
    statement |= {"Action": ["sns:Publish"], "Sid": "another name"}
    statement["Condition"]["StringEquals"] = {key.upper(): [value] for key, value in conditions.items()}
    policy["Statement"] = statement
    assert not differences_of(topic, found(topic, Policy=policy))
    different: list[Any] = [
        policy | {"Statement": {**statement, "Principal": "*"}},
        policy | {"Statement": {**statement, "Condition": {}}},
        policy | {"Statement": {**statement, "Effect": "Deny"}},
        policy | {"Statement": [statement, {**statement, "Principal": {"AWS": "*"}}]},
        policy | {"Statement": []},
        {},
        "not a policy",
    ]
    for broken in different:
        assert differences_of(topic, found(topic, Policy=broken))


def test_the_configuration_set_remembers_the_deployment_in_its_tags() -> None:
    """Its tags have the name, the domains and the URL; what a deployment does not have has no tag."""
    resource = blueprint(deployment(domains=("b.example", "a.example")))[0]
    assert tags_of(resource, OURS) == {"postern": OURS, "postern-domains": "a.example b.example", "postern-url": URL}
    bare = replace(resource, properties={**resource.properties, "Domains": "", "Url": ""})
    assert tags_of(bare, OURS) == {"postern": OURS}
