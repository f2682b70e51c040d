"""Whether SES publishes every event that Postern needs: the configuration set and its event destination.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-create-event-destination.html
"""

from collections.abc import Iterator
from typing import Any

from app.aws.setup.checks.clients import AwsClients
from app.domain.account.findings import Finding, Group, judged, well, wrong
from app.domain.account.setup.blueprint import EVENT_TYPES

_SET = "configuration set"


def configuration_set(clients: AwsClients, *, name: str) -> Iterator[Finding]:
    """Whether it exists and sends."""
    if not name:
        fix = "set SES_CONFIGURATION_SET: without one SES publishes no events with our tags"
        yield wrong(Group.EVENTS, _SET, "none is set", fix)
        return
    sending = clients.ses.get_configuration_set(ConfigurationSetName=name).get("SendingOptions", {})
    enabled = sending.get("SendingEnabled", True)
    found = name if enabled else f"{name} is paused"
    yield judged(Group.EVENTS, _SET, ok=enabled, found=found, fix="enable sending for the configuration set")


def event_destination(clients: AwsClients, *, name: str, topic_arns: tuple[str, ...]) -> Iterator[Finding]:
    """Whether every event that Postern needs is published to one of its topics."""
    if not name:
        return
    answer = clients.ses.get_configuration_set_event_destinations(ConfigurationSetName=name)
    destinations: list[Any] = list(answer.get("EventDestinations", []))
    ours = [one for one in destinations if one.get("SnsDestination", {}).get("TopicArn") in topic_arns]
    published = {kind for one in ours if one.get("Enabled") for kind in one["MatchingEventTypes"]}
    missing = [kind for kind in EVENT_TYPES if kind not in published]
    if not missing:
        yield well(Group.EVENTS, "event destination", f"{len(EVENT_TYPES)} types")
    elif not ours:
        fix = "add an event destination whose topic is in SNS_TOPIC_ARNS"
        yield wrong(Group.EVENTS, "event destination", "no event is published to our topics", fix)
    elif not any(one.get("Enabled") for one in ours):
        yield wrong(Group.EVENTS, "event destination", "it is switched off", "enable the event destination")
    else:
        fix = "add them to an enabled event destination whose topic is in SNS_TOPIC_ARNS"
        yield wrong(Group.EVENTS, "event destination", f"not published: {', '.join(missing)}", fix)
