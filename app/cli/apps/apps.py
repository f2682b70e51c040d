"""`postern app`: create, list, show, change and archive applications."""

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from app.cli.apps.keys import UNCONFIRMED
from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.app_options import AppOptions, NoLimit
from app.services.apps.apps import App
from app.services.paging import Page

_PAGE = 100
_SOON = "[dim]Every process uses this within five seconds.[/]"


def create(given: Namespace, terminal: Terminal) -> bool:
    """Create an application without a key."""
    with operated_gateway(given.data) as (gateway, caller):
        app = gateway.apps.create(caller, given.app, _options(given))
    _print(app, terminal)
    terminal.say(escape(f"It has no key yet: `./postern key create --app {app.name}` issues one."))
    return True


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the applications."""
    with operated_gateway(given.data) as (gateway, caller):
        found = gateway.apps.page(caller, Page(limit=_PAGE))
        apps = list(found.data)
        while found.has_more:
            found = gateway.apps.page(caller, Page(limit=_PAGE, after=apps[-1].id))
            apps += found.data
    rows = [(app.name, _limits(app), app.archived_at, app.created_at, app.senders) for app in apps]
    terminal.table(("app", "limits", "archived", "created", "senders"), rows, empty="There are no applications.")
    terminal.answer({"apps": [_shown(app) for app in apps]})
    return True


def show(given: Namespace, terminal: Terminal) -> bool:
    """Show one application."""
    with operated_gateway(given.data) as (gateway, caller):
        app = gateway.apps.find(caller, given.app)
    _print(app, terminal)
    return True


def change(given: Namespace, terminal: Terminal) -> bool:
    """Change an application, and show its settings."""
    options = _options(given)
    if options == AppOptions():
        raise UsageMistake("say what to change: `./postern app set --help` has the options")
    with operated_gateway(given.data) as (gateway, caller):
        app = gateway.apps.change(caller, given.app, options)
    _print(app, terminal)
    terminal.say(_SOON)
    return True


def archive(given: Namespace, terminal: Terminal) -> bool:
    """Archive an application."""
    with operated_gateway(given.data) as (gateway, caller):
        app = gateway.apps.archive(caller, given.app)
    terminal.say(
        escape(f"{app.name} is archived: within five seconds its keys are refused. Its waiting email is sent.")
    )
    terminal.answer(_shown(app))
    return True


def unarchive(given: Namespace, terminal: Terminal) -> bool:
    """Unarchive an application."""
    with operated_gateway(given.data) as (gateway, caller):
        app = gateway.apps.unarchive(caller, given.app)
    terminal.say(escape(f"{app.name} is not archived any more: within five seconds its keys are accepted."))
    terminal.answer(_shown(app))
    return True


def _options(given: Namespace) -> AppOptions:
    return AppOptions(
        senders=tuple(given.sender) if given.sender else None,
        default_lane=Lane(given.lane) if given.lane else None,
        default_stream=given.default_stream,
        reason_optional=given.reason_optional,
        on_unconfirmed=OnUnconfirmed(given.on_unconfirmed) if given.on_unconfirmed else None,
        emails_per_second=given.emails_per_second,
        emails_per_day=given.emails_per_day,
    )


def _print(app: App, terminal: Terminal) -> None:
    senders = ", ".join(app.senders) or "no address"
    terminal.say(escape(f"{app.name} may send as {senders}, by default in the lane {app.default_lane}."))
    terminal.say(escape(f"Its email belongs to the stream {app.default_stream}, unless it names one."))
    terminal.say(f"Recipients: {_limits(app)}.")
    if app.archived_at is not None:
        terminal.say("It is archived: its keys are refused.")
    terminal.answer(_shown(app))


def _limits(app: App) -> str:
    return ", ".join(_limits_of(app)) or "no limit"


def _limits_of(app: App) -> Iterator[str]:
    if app.emails_per_second is not None:
        yield f"{app.emails_per_second} a second"
    if app.emails_per_day is not None:
        yield f"{app.emails_per_day} a day"


def _shown(app: App) -> dict[str, Any]:
    shown = asdict(app)
    return {"app": shown.pop("name"), "lane": shown.pop("default_lane")} | shown


def _limit(text: str) -> int | NoLimit:
    if text == NoLimit.NO_LIMIT.value:
        return NoLimit.NO_LIMIT
    if not (text.isascii() and text.isdecimal()):
        raise ArgumentTypeError("a limit is a whole number, or none")
    return int(text)


def _name(parser: ArgumentParser) -> None:
    parser.add_argument("app", metavar="NAME", help="the application, by its name or id")
    add_data_option(parser)


def arguments(parser: ArgumentParser) -> None:
    """The application, and its options."""
    add = parser.add_argument
    add("app", metavar="NAME", help="the application")
    add(
        "--sender",
        action="append",
        metavar="FROM",
        help="address, @domain or *; replaces all its senders, may be given several times",
    )
    add("--lane", choices=[lane.value for lane in Lane], help="the lane of emails that name none")
    add("--default-stream", metavar="STREAM", help="the stream of emails that name none")
    add("--on-unconfirmed", choices=[one.value for one in OnUnconfirmed], help=UNCONFIRMED)
    add("--reason-optional", action=BooleanOptionalAction, help="whether it may unsuppress without a reason")
    add("--emails-per-second", type=_limit, metavar="N", help="the most recipients in a second; none: no limit")
    add("--emails-per-day", type=_limit, metavar="N", help="the most recipients in a day of UTC; none: no limit")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("app", "create"),
        summary="create an application",
        detail="It gets no key: `./postern key create` issues keys, and creates an application too.",
        example="./postern app create events --sender @example.com --emails-per-day 50000",
        arguments=arguments,
        run=create,
    ),
    Command(
        words=("app", "list"),
        summary="list the applications",
        example="./postern app list",
        arguments=add_data_option,
        run=show_all,
    ),
    Command(
        words=("app", "show"),
        summary="show the settings of an application",
        example="./postern app show events",
        arguments=_name,
        run=show,
    ),
    Command(
        words=("app", "set"),
        summary="change the senders, the limits and the choices of an application",
        detail="What is not given stays. `--emails-per-day none` takes a limit away.",
        example="./postern app set events --sender @example.com --sender news@example.org --emails-per-second 20",
        arguments=arguments,
        run=change,
    ),
    Command(
        words=("app", "archive"),
        summary="archive an application: its keys are refused",
        detail="Email that it has submitted before is still sent, unless an administrator cancels it. Its name stays "
        "taken, and its history can be read.",
        example="./postern app archive events",
        arguments=_name,
        run=archive,
    ),
    Command(
        words=("app", "unarchive"),
        summary="unarchive an application: its keys are accepted again",
        example="./postern app unarchive events",
        arguments=_name,
        run=unarchive,
    ),
)
