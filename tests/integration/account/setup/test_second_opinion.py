"""moto, which others wrote, as a second opinion on AWS: the same resources, and each difference with AWS's own page.

The test fails when moto changes its mind, or when it disagrees about anything that is not listed here.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from moto.server import ThreadedMotoServer

from app.aws.setup.account_resources import AccountResources
from app.domain.account.setup.blueprint import Deployment, blueprint
from app.domain.account.setup.plan import differences_of
from app.domain.account.setup.resources import Kind, Resource
from app.domain.account.setup.trouble import SetupStopped
from simulator import Options, Simulator
from tests.support.aws.setup.account_setup import CHOICES, REGION, clients

AWS_DECIDES: Final = {
    # moto has no event destinations in v2; AWS has.
    "event destination make, find, remove": (
        "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSetEventDestination.html"
    ),
    # moto has no MAIL FROM in v2, and so no identity of ours is whole; AWS has.
    "identity make": (
        "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutEmailIdentityMailFromAttributes.html"
    ),
    "identity BehaviorOnMxFailure, MailFromDomain": (
        "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MailFromAttributes.html"
    ),
    # moto keeps no signature version; AWS does, as an attribute of CreateTopic too.
    "topic SignatureVersion": "https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html",
    # moto takes every HTTP endpoint as confirmed; AWS waits for it.
    "subscription Confirmed": "https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html",
}
"""What moto and the simulator disagree about, and the page of AWS that decides, each time for the simulator."""


@pytest.fixture
def moto_url() -> Iterator[str]:
    """The URL of moto's server with an empty account."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def test_moto_and_the_simulator_agree_but_for_what_aws_decides(moto_url: str, tmp_path: Path) -> None:
    """Each resource is made, found and removed in both; whose answers differ is listed with AWS's page."""
    with Simulator(Options(data=tmp_path, region=REGION)) as simulator:
        theirs, ours = _play(moto_url), _play(simulator.url)
    assert theirs.keys() == ours.keys()
    differences = {_named(kind, theirs[kind] ^ ours[kind]) for kind in ours if theirs[kind] != ours[kind]}
    assert {one for names in differences for one in names} == AWS_DECIDES.keys()


def _named(kind: Kind, differ: set[str]) -> tuple[str, ...]:
    """The differences of a kind: the calls that fail in one of the two, and the properties."""
    calls = [one for one in ("make", "find", "remove") if one in differ]
    properties = sorted(differ - set(calls))
    return tuple(f"{kind} {', '.join(names)}" for names in (calls, properties) if names)


def _play(url: str) -> dict[Kind, set[str]]:
    """What goes wrong with each kind of resource: calls that fail, and properties that are not as they were made."""
    resources = AccountResources(clients=clients(url, attempts=1), region=REGION)
    wanted = Deployment(
        name="postern",
        place=resources.place(),
        domains=CHOICES.domains,
        url=CHOICES.url or "",
        sqs=True,
        archive=True,
    )
    wrong: dict[Kind, set[str]] = {one.kind: set() for one in blueprint(wanted)}
    for resource in blueprint(wanted):
        wrong[resource.kind] |= _make_and_find(resources, resource, wanted)
    for resource in reversed(blueprint(wanted)):
        wrong[resource.kind] |= _remove(resources, resource, wanted)
    return wrong


def _make_and_find(resources: AccountResources, resource: Resource, wanted: Deployment) -> set[str]:
    wrong = set()
    try:
        resources.make(resource, wanted)
    except SetupStopped:
        wrong.add("make")
    try:
        found = resources.find(resource, wanted)
    except SetupStopped:
        return wrong | {"find"}
    assert found is not None
    assert resource.parent or found.owner == wanted.name
    return wrong | {one.name for one in differences_of(resource, found)}


def _remove(resources: AccountResources, resource: Resource, wanted: Deployment) -> set[str]:
    try:
        resources.remove(resource, wanted)
    except SetupStopped:
        return {"remove"}
    is_pending = resource.kind is Kind.SUBSCRIPTION and resource.name == wanted.endpoint
    assert is_pending or resources.find(resource, wanted) is None
    return set()
