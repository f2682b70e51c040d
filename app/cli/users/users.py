"""`postern user`: the people who sign in to the console. No password is ever on a command line."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Final

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.apps.callers import Caller
from app.domain.users.links import sign_in_link
from app.domain.users.roles import Role
from app.services.users.users import User, Users

_COLUMNS: Final = ("name", "role", "state", "password", "codes", "created")


def create(given: Namespace, terminal: Terminal) -> bool:
    """Add a user, and print the link for the first sign-in."""
    with operated_gateway(given.data) as (gateway, caller):
        user, token = gateway.users.users.create(caller, given.name, Role(given.role))
        link = sign_in_link(gateway.settings.public_url, token)
    terminal.say(escape(link))
    terminal.say(f"[dim]It signs {escape(user.name)} in, once, within a day, and asks for a password.[/]")
    terminal.answer({"link": link, **asdict(user)})
    return True


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the users by name."""
    with operated_gateway(given.data) as (gateway, caller):
        users = gateway.users.users.all(caller)
    terminal.table(_COLUMNS, map(_row, users), empty="There are no users: `./postern user create` makes one.")
    terminal.answer({"users": [asdict(user) for user in users]})
    return True


def change(given: Namespace, terminal: Terminal) -> bool:
    """Change one thing of a user."""
    with operated_gateway(given.data) as (gateway, caller):
        user = _changed(gateway.users.users, caller, given)
    terminal.table(_COLUMNS, [_row(user)])
    terminal.answer(asdict(user))
    return True


def _changed(users: Users, caller: Caller, given: Namespace) -> User:
    if given.role:
        return users.change_role(caller, given.name, Role(given.role), given.reason)
    if given.disable:
        return users.disable(caller, given.name, given.reason)
    if given.enable:
        return users.enable(caller, given.name, given.reason)
    return users.reset_totp(caller, given.name, given.reason)


def link(given: Namespace, terminal: Terminal) -> bool:
    """Print a link that signs a user in, once."""
    with operated_gateway(given.data) as (gateway, caller):
        token = gateway.users.users.link(caller, given.name)
        made = sign_in_link(gateway.settings.public_url, token)
    terminal.say(escape(made))
    terminal.say("[dim]It works once, within 15 minutes. With its use the password ends: the user chooses another.[/]")
    terminal.answer({"link": made})
    return True


def _row(user: User) -> tuple[object, ...]:
    state = "enabled" if user.disabled_at is None else "disabled"
    return (user.name, user.role, state, user.has_password, user.has_totp, user.created_at)


def create_arguments(parser: ArgumentParser) -> None:
    """The name and the role."""
    parser.add_argument("name", metavar="NAME", help="such as an email address: 1 to 64 of a-z, 0-9 and . _ - @ +")
    parser.add_argument("--role", required=True, choices=[role.value for role in Role], help="what the user may do")
    add_data_option(parser)


def change_arguments(parser: ArgumentParser) -> None:
    """The user, one change, and its reason."""
    _add_name(parser)
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument("--role", choices=[role.value for role in Role], help="give the user another role")
    one.add_argument("--disable", action="store_true", help="end all sessions, and let the user sign in no more")
    one.add_argument("--enable", action="store_true", help="let the user sign in again")
    one.add_argument("--reset-totp", action="store_true", help="ask for no code, for a user without their phone")
    parser.add_argument("--reason", required=True, metavar="WHY", help="kept in the audit")
    add_data_option(parser)


def link_arguments(parser: ArgumentParser) -> None:
    """The user."""
    _add_name(parser)
    add_data_option(parser)


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the name of the user")


COMMANDS = (
    Command(
        words=("user", "create"),
        summary="add a person who signs in to the console",
        detail=(
            "Prints a link below PUBLIC_URL that signs the user in once, within a day. There they choose a password.\n"
            "A viewer sees everything with masked addresses, support sees addresses and unsuppresses, an operator\n"
            "also handles held email, incidents and applications, and an admin also keeps the users."
        ),
        example="./postern user create kim@example.com --role support",
        arguments=create_arguments,
        run=create,
    ),
    Command(
        words=("user", "list"),
        summary="list the people who sign in to the console",
        example="./postern user list",
        arguments=add_data_option,
        run=show_all,
        default=True,
    ),
    Command(
        words=("user", "change"),
        summary="change the role of a user, disable or enable the user, or end their codes",
        detail="Another role, and disabling, end the sessions of the user. The last administrator stays one.",
        example="./postern user change kim@example.com --role operator --reason 'She is on call.'",
        arguments=change_arguments,
        run=change,
    ),
    Command(
        words=("user", "link"),
        summary="make a link that signs a user in once, as after a forgotten password",
        detail=(
            "The link works once, within 15 minutes, asks for no code, and also works while the name is locked.\n"
            "With its use the password and all sessions of the user end, and they choose another password."
        ),
        example="./postern user link kim@example.com",
        arguments=link_arguments,
        run=link,
    ),
)
