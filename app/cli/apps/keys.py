"""`postern key`: issue, list and revoke the API keys of applications."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape

from app.cli.command import Command, add_data_option, duration
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.domain.callers import Scope
from app.domain.proof import OnUnconfirmed
from app.queue import Lane
from app.store.keys import ApiKey

SENDING = (Scope.EMAILS_SEND, Scope.EMAILS_READ)


def create(given: Namespace, terminal: Terminal) -> bool:
    """Issue a key, and the application with it if it is new."""
    with operated_gateway(given.data) as (gateway, caller):
        issued = gateway.issue_keys.create(
            actor=caller.actor,
            app=given.app,
            name=given.name,
            scopes=frozenset(map(Scope, given.scope or SENDING)),
            senders=tuple(given.sender or ()),
            lane=Lane(given.lane),
            reason_optional=given.reason_optional,
            on_unconfirmed=OnUnconfirmed(given.on_unconfirmed) if given.on_unconfirmed else None,
            expires_at=datetime.now(UTC) + given.expires_in if given.expires_in else None,
        )
    terminal.say(escape(issued.token))
    terminal.say("[dim]This is the only time that the key is shown.[/]")
    terminal.answer({"token": issued.token, **_told(issued.key)})
    return True


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the keys, without their secrets."""
    with operated_gateway(given.data) as (gateway, _):
        keys = [_told(key) for key in gateway.issue_keys.all()]
    columns = ("id", "app", "name", "state", "scopes", "senders", "created_at", "last_used_at", "expires_at")
    rows = [[key[column] for column in columns] for key in keys]
    terminal.table([column.replace("_at", "") for column in columns], rows, empty="There are no keys.")
    terminal.answer({"keys": keys})
    return True


def revoke(given: Namespace, terminal: Terminal) -> bool:
    """Revoke a key."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.issue_keys.revoke(given.id, actor=caller.actor)
    terminal.say("Revoked; within five seconds nobody is let in with it any more.")
    terminal.answer({"revoked": True})
    return True


def _told(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.public_id,
        "app": key.app.name,
        "name": key.name,
        "state": state_of(key, now=datetime.now(UTC)),
        "scopes": key.scopes,
        "senders": key.app.senders,
        "on_unconfirmed": key.app.on_unconfirmed,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def state_of(key: ApiKey, *, now: datetime) -> str:
    """Whether the key still opens: `active`, `expired` or `revoked`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def create_arguments(parser: ArgumentParser) -> None:
    """What the key is for."""
    add = parser.add_argument
    add("--app", required=True, metavar="NAME", help="the application, made if it is new: a-z, 0-9, hyphen")
    add("--name", default="", help="to tell its keys apart")
    add("--scope", action="append", choices=[scope.value for scope in Scope], help="default: emails:send, emails:read")
    add("--sender", action="append", metavar="FROM", help="address, @domain or * that the application may send as")
    add("--lane", choices=[lane.value for lane in Lane], default=Lane.TRANSACTIONAL.value, help="of a new application")
    add("--reason-optional", action="store_true", help="a new application may unsuppress without a reason")
    add(
        "--on-unconfirmed",
        choices=[one.value for one in OnUnconfirmed],
        help="for mails that do not say, when it cannot be found out whether SES took one: send it again once that is "
        "proven not so, or hold it for a person; default: resend, or as the application has it",
    )
    add("--expires-in", type=duration, metavar="TIME", help="such as 90d; default: never")
    add_data_option(parser)


def revoke_arguments(parser: ArgumentParser) -> None:
    """Which key."""
    parser.add_argument("id", metavar="ID", help="its id, or the whole key")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("key", "create"),
        summary="issue an API key",
        example="./postern key create --app events --sender @example.com --scope emails:send --expires-in 90d",
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
        words=("key", "revoke"),
        summary="revoke an API key",
        example="./postern key revoke k3v9q0x2m5ab",
        arguments=revoke_arguments,
        run=revoke,
    ),
)
