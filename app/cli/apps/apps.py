"""`postern app`: change the settings of an application."""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace

from rich.markup import escape

from app.cli.apps.keys import UNCONFIRMED
from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane


def change(given: Namespace, terminal: Terminal) -> bool:
    """Change an application, and show its settings."""
    if not given.sender and not given.lane and not given.on_unconfirmed and given.reason_optional is None:
        raise UsageMistake("say what to change: --sender, --lane, --on-unconfirmed or --reason-optional")
    with operated_gateway(given.data) as (gateway, caller):
        app = gateway.change_app(
            given.app,
            actor=caller.actor,
            senders=tuple(given.sender or ()),
            lane=Lane(given.lane) if given.lane else None,
            reason_optional=given.reason_optional,
            on_unconfirmed=OnUnconfirmed(given.on_unconfirmed) if given.on_unconfirmed else None,
        )
    result = {
        "app": app.name,
        "senders": app.senders,
        "lane": app.default_lane,
        "on_unconfirmed": app.on_unconfirmed,
        "reason_optional": app.reason_optional,
    }
    senders = ", ".join(app.senders) or "no address"
    terminal.say(escape(f"{app.name} may send as {senders}, by default in the lane {app.default_lane}."))
    terminal.say("[dim]Every process uses this within five seconds.[/]")
    terminal.answer(result)
    return True


def arguments(parser: ArgumentParser) -> None:
    """The application, and what to change."""
    add = parser.add_argument
    add("app", metavar="NAME", help="the application")
    add(
        "--sender",
        action="append",
        metavar="FROM",
        help="address, @domain or *; replaces all its senders, may be given several times",
    )
    add("--lane", choices=[lane.value for lane in Lane], help="the lane of emails that name none")
    add("--on-unconfirmed", choices=[one.value for one in OnUnconfirmed], help=UNCONFIRMED)
    add("--reason-optional", action=BooleanOptionalAction, help="whether it may unsuppress without a reason")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("app", "set"),
        summary="change the senders, the lane and the choices of an application",
        example="./postern app set events --sender @example.com --sender news@example.org --lane bulk",
        arguments=arguments,
        run=change,
    ),
)
