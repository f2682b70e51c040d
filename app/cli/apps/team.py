"""`postern app team`: the addresses that the team keys of an application write to."""

from argparse import ArgumentParser, Namespace

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal


def team(given: Namespace, terminal: Terminal) -> bool:
    """Change the team as it is given, and show it."""
    with operated_gateway(given.data) as (gateway, caller):
        if given.add or given.remove:
            app = gateway.apps.change_team(caller, given.app, add=tuple(given.add), remove=tuple(given.remove))
        else:
            app = gateway.apps.find(caller, given.app)
    terminal.say(escape(f"The team keys of {app.name} write to {', '.join(app.team) or 'no address yet'}."))
    terminal.answer({"app": app.name, "team": app.team})
    return True


def arguments(parser: ArgumentParser) -> None:
    """The application, and what changes."""
    add = parser.add_argument
    add("app", metavar="NAME", help="the application, by its name or id")
    for option, what in (("--add", "add an address or @domain"), ("--remove", "take one off")):
        add(option, action="append", default=[], metavar="ADDR", help=f"{what}; may be given several times")
    add_data_option(parser)


COMMAND = Command(
    words=("app", "team"),
    summary="show or change the team of an application",
    detail="Its team keys, of `./postern key create --kind team`, write to these addresses only. Every process uses a "
    "change within five seconds.",
    example="./postern app team events --add ann@example.com --add @example.org --remove kim@example.net",
    arguments=arguments,
    run=team,
)
