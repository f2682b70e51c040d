"""`postern webhook`: the endpoints that get events, what became of each event, and replays."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Final
from uuid import UUID

from rich.markup import escape

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.filters import add_times
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.webhooks.retries import DeliveryState
from app.services.paging import Page
from app.services.webhooks.endpoints import Endpoint, EndpointChange, EndpointStatus, NewEndpoint

_MOST: Final = 100
_COLUMNS: Final = ("endpoint", "application", "url", "events", "status", "failing since")
_OF_DELIVERIES: Final = ("delivery", "event", "state", "attempts", "queued", "due", "ended")


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the endpoints of all applications, newest first."""
    with operated_gateway(given.data) as (gateway, caller):
        page = gateway.webhooks.endpoints.page(caller, Page(limit=_MOST))
    terminal.table(_COLUMNS, map(_row, page.data), empty="No application has an endpoint.")
    terminal.answer({"webhooks": [asdict(one) for one in page.data], "has_more": page.has_more})
    return True


def create(given: Namespace, terminal: Terminal) -> bool:
    """Add an endpoint, and print its secret."""
    new = NewEndpoint(url=given.url, events=tuple(given.event), description=given.description, app=given.app)
    with operated_gateway(given.data) as (gateway, caller):
        added = gateway.webhooks.endpoints.add(caller, new)
    terminal.say(f"The endpoint {added.endpoint.id} gets these events, signed with the secret")
    terminal.say(added.secret)
    terminal.answer({"id": added.endpoint.id, "signing_secret": added.secret})
    return True


def deliveries(given: Namespace, terminal: Terminal) -> bool:
    """List the deliveries of an endpoint, newest first."""
    state = given.state and DeliveryState(given.state)
    with operated_gateway(given.data) as (gateway, caller):
        page = gateway.webhooks.deliveries.page(caller, given.webhook, Page(limit=_MOST), state=state)
    rows = [(one.id, one.type, one.state, one.attempts, one.created_at, one.due_at, one.ended_at) for one in page.data]
    terminal.table(_OF_DELIVERIES, rows, empty="There is no such delivery.")
    terminal.answer({"deliveries": [asdict(one) for one in page.data], "has_more": page.has_more})
    return True


def replay(given: Namespace, terminal: Terminal) -> bool:
    """Deliver one event, or those of a period, once more."""
    period = given.since is not None and given.until is not None
    if period == (given.delivery is not None):
        raise UsageMistake("name a --delivery, or a period with --since and --until")
    with operated_gateway(given.data) as (gateway, caller):
        if period:
            since, until = given.since, given.until
            replayed = gateway.webhooks.deliveries.replay_period(caller, given.webhook, since=since, until=until)
        else:
            gateway.webhooks.deliveries.replay(caller, given.webhook, given.delivery)
            replayed = 1
    terminal.say(f"{replayed} events are delivered once more, each under its own id.")
    terminal.answer({"id": given.webhook, "deliveries": replayed})
    return True


def enable(given: Namespace, terminal: Terminal) -> bool:
    """Enable an endpoint: what waits for it is delivered."""
    with operated_gateway(given.data) as (gateway, caller):
        change = EndpointChange(status=EndpointStatus.ENABLED)
        endpoint = gateway.webhooks.endpoints.change(caller, given.webhook, change)
    terminal.say(escape(f"The endpoint {endpoint.id} of {endpoint.app} is enabled, and gets what waits for it."))
    terminal.answer({"id": endpoint.id, "status": EndpointStatus.ENABLED})
    return True


def create_arguments(parser: ArgumentParser) -> None:
    """The application, the URL and the events."""
    parser.add_argument("app", metavar="APP", help="the application whose events these are")
    parser.add_argument("url", metavar="URL", help="the https URL that gets them")
    parser.add_argument("--event", action="append", required=True, help="an event such as email.bounced; repeatable")
    parser.add_argument("--description", help="a note for people")
    add_data_option(parser)


def deliveries_arguments(parser: ArgumentParser) -> None:
    """The endpoint, and the state."""
    _add_endpoint(parser)
    parser.add_argument("--state", choices=[one.value for one in DeliveryState], help="only those in this state")
    add_data_option(parser)


def replay_arguments(parser: ArgumentParser) -> None:
    """The endpoint, and one delivery or a period."""
    _add_endpoint(parser)
    parser.add_argument("--delivery", type=UUID, metavar="ID", help="the id of one delivery")
    add_times(parser)
    add_data_option(parser)


def enable_arguments(parser: ArgumentParser) -> None:
    """The endpoint."""
    _add_endpoint(parser)
    add_data_option(parser)


def _add_endpoint(parser: ArgumentParser) -> None:
    parser.add_argument("webhook", type=UUID, metavar="ID", help="the id of the endpoint")


def _row(one: Endpoint) -> tuple[object, ...]:
    status = "enabled" if one.disabled_at is None else f"disabled: {one.disabled_why}"
    return (one.id, one.app, one.url, ", ".join(one.events), status, one.failing_since)


COMMANDS = (
    Command(
        words=("webhook", "list"),
        summary="list the endpoints that get events of applications",
        example="./postern webhook list",
        arguments=add_data_option,
        run=show_all,
        default=True,
    ),
    Command(
        words=("webhook", "create"),
        summary="add an endpoint that gets events of an application",
        example="./postern webhook create invites https://example.com/hooks --event email.bounced",
        arguments=create_arguments,
        run=create,
    ),
    Command(
        words=("webhook", "deliveries"),
        summary="list what became of the events for an endpoint",
        example="./postern webhook deliveries 018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f --state failed",
        arguments=deliveries_arguments,
        run=deliveries,
    ),
    Command(
        words=("webhook", "replay"),
        summary="deliver an event, or those of a period, once more",
        example="./postern webhook replay 018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f --since 2027-01-31 --until 2027-02-01",
        arguments=replay_arguments,
        run=replay,
    ),
    Command(
        words=("webhook", "enable"),
        summary="enable an endpoint that was disabled; what waits for it is delivered",
        example="./postern webhook enable 018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f",
        arguments=enable_arguments,
        run=enable,
    ),
)
