"""`postern key`: issue, list, rotate and revoke the API keys of applications."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option, duration
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal, shown
from app.domain.apps.callers import Scope
from app.domain.apps.doors import Access, Door
from app.domain.apps.key_kinds import KeyKind
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.issue_keys import OVERLAP, ApiKey

UNCONFIRMED = (
    "what to do when it is unknown whether SES accepted an email, unless the email says: resend it once it is proven "
    "that SES did not, or hold it for a person"
)
_SMTP_WORDS = {
    "host": "host",
    "port": "STARTTLS",
    "tls_port": "TLS",
    "username": "username",
    "password": "password",
}
SENDING = (Scope.EMAILS_SEND, Scope.EMAILS_READ)


def create(given: Namespace, terminal: Terminal) -> bool:
    """Issue a key, and create its application if it is new."""
    with operated_gateway(given.data) as (gateway, caller):
        issued = gateway.issue_keys.create(
            actor=caller.actor,
            app=given.app,
            name=given.name,
            scopes=frozenset(map(Scope, given.scope or SENDING)).union(*(door.scopes for door in given.doors)),
            kind=KeyKind(given.kind),
            senders=tuple(given.sender or ()),
            lane=Lane(given.lane) if given.lane else None,
            reason_optional=given.reason_optional or None,
            on_unconfirmed=OnUnconfirmed(given.on_unconfirmed) if given.on_unconfirmed else None,
            expires_at=datetime.now(UTC) + given.expires_in if given.expires_in else None,
        )
        access = issued.access(gateway.doors)
    terminal.say(escape(issued.token))
    terminal.say("[dim]The key is shown only this once.[/]")
    if Door.API in given.doors:
        terminal.say(f"\nA client of the API calls {escape(gateway.doors.url)} with this header:")
        terminal.say(escape(f"Authorization: Bearer {issued.token}"))
    _say_access(access, terminal)
    terminal.answer({"token": issued.token, **_shown(issued.key), **asdict(access)})
    return True


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the keys, without their secrets."""
    with operated_gateway(given.data) as (gateway, _):
        keys = [_shown(key) for key in gateway.issue_keys.all()]
    columns = ("id", "app", "name", "kind", "state", "scopes", "senders", "created_at", "last_used_at", "expires_at")
    rows = [[key[column] for column in columns] for key in keys]
    terminal.table([column.replace("_at", "") for column in columns], rows, empty="There are no keys.")
    terminal.answer({"keys": keys})
    return True


def rotate(given: Namespace, terminal: Terminal) -> bool:
    """Issue a key in place of another one, which expires after the overlap."""
    with operated_gateway(given.data) as (gateway, caller):
        expires_at = datetime.now(UTC) + given.expires_in if given.expires_in else None
        rotated = gateway.issue_keys.rotate(caller, given.id, overlap=given.overlap, expires_at=expires_at)
        access = rotated.access(gateway.doors)
    terminal.say(escape(rotated.token))
    terminal.say(f"[dim]The key is shown only this once. The old one expires at {shown(rotated.old_ends_at)} UTC.[/]")
    _say_access(access, terminal)
    answer = {"token": rotated.token, **_shown(rotated.key), "old_expires_at": rotated.old_ends_at}
    terminal.answer(answer | asdict(access))
    return True


def revoke(given: Namespace, terminal: Terminal) -> bool:
    """Revoke a key."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.issue_keys.revoke(caller, given.id)
    terminal.say("Revoked. Within five seconds no request with this key is accepted any more.")
    terminal.answer({"revoked": True})
    return True


def _say_access(access: Access, terminal: Terminal) -> None:
    """Say for each door what to paste where."""
    if access.ses:
        terminal.say("\nAn AWS SDK calls the SES door with this in the environment of the application:")
        for name, value in access.ses.variables().items():
            terminal.say(escape(f"{name}={value}"))
    if access.smtp:
        terminal.say("\nAn SMTP client needs:")
        for name, value in asdict(access.smtp).items():
            terminal.say(escape(f"{_SMTP_WORDS[name]:<9} {value if value is not None else 'not open here'}"))


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.public_id,
        "app": key.app.name,
        "name": key.name,
        "kind": key.kind,
        "state": state_of(key, now=datetime.now(UTC)),
        "scopes": key.scopes,
        "senders": key.app.senders,
        "on_unconfirmed": key.app.on_unconfirmed,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "replaced_by": key.replaced_by,
    }


def state_of(key: ApiKey, *, now: datetime) -> str:
    """The state of the key: `active`, `expired` or `revoked`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def create_arguments(parser: ArgumentParser) -> None:
    """The application and the key."""
    add = parser.add_argument
    add("--app", required=True, metavar="NAME", help="the application, created if it is new: a-z, 0-9, hyphen")
    add("--name", default="", help="a name to tell the application's keys apart")
    add(
        "--kind",
        choices=list(map(str, KeyKind)),
        default="live",
        help="team: it writes only to the team; test: nothing is sent; default: live",
    )
    add("--scope", action="append", choices=[scope.value for scope in Scope], help="default: emails:send, emails:read")
    add(
        "--for",
        dest="doors",
        action="append",
        type=Door,
        choices=list(Door),
        default=[],
        help="add the scope of a door, ses or smtp, and print what its clients need; again for several",
    )
    add("--sender", action="append", metavar="FROM", help="address, @domain or * that the application may send as")
    add("--lane", choices=[lane.value for lane in Lane], help="the lane of a new application; default: transactional")
    add("--reason-optional", action="store_true", help="let a new application unsuppress without a reason")
    add("--on-unconfirmed", choices=[one.value for one in OnUnconfirmed], help=f"{UNCONFIRMED}; default: resend")
    add("--expires-in", type=duration, metavar="TIME", help="such as 90d; default: never")
    add_data_option(parser)


def rotate_arguments(parser: ArgumentParser) -> None:
    """The key, and how long both are valid."""
    add = parser.add_argument
    add("id", metavar="ID", help="the id of the key, or the whole key")
    add("--overlap", type=duration, default=OVERLAP, metavar="TIME", help="how long both are valid; default: 24h")
    add(
        "--expires-in",
        type=duration,
        metavar="TIME",
        help="when the new key expires, such as 90d; default: after as long as the old key was to last",
    )
    add_data_option(parser)


def revoke_arguments(parser: ArgumentParser) -> None:
    """The key."""
    parser.add_argument("id", metavar="ID", help="the id of the key, or the whole key")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("key", "create"),
        summary="issue an API key",
        detail="For an existing application, the options have to match its settings: `./postern app set` changes them.",
        example="./postern key create --app events --sender @example.com --for ses --for smtp --expires-in 90d",
        arguments=create_arguments,
        run=create,
    ),
    Command(
        words=("key", "list"),
        summary="list the API keys",
        example="./postern key list",
        arguments=add_data_option,
        run=show_all,
    ),
    Command(
        words=("key", "rotate"),
        summary="issue a key in place of another, and let that one expire",
        detail="The new key has the name, the kind, the scopes and the application of the old one.",
        example="./postern key rotate k3v9q0x2m5ab --overlap 24h",
        arguments=rotate_arguments,
        run=rotate,
    ),
    Command(
        words=("key", "revoke"),
        summary="revoke an API key",
        example="./postern key revoke k3v9q0x2m5ab",
        arguments=revoke_arguments,
        run=revoke,
    ),
)
