"""What the filters of lists and counts name: the application that owns the rows, an address, a mailbox provider."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller
from app.domain.apps.key_kinds import KeyKind
from app.domain.errors import Fault, RestrictedApiKey, ValidationFailed
from app.domain.feedback.providers import PROVIDERS
from app.domain.message.address import InvalidAddress, parse_address
from app.domain.sending.trying import TEST_LANE, Mode
from app.store.apps import apps, keys
from app.store.submission.email_filter import Filter


def owner(caller: Caller) -> UUID | None:
    """The application whose rows the caller sees; None for an administrator, who sees those of all."""
    return None if caller.is_admin else caller.app_id


def seen_by(connection: Connection, caller: Caller, wanted: Filter) -> Filter:
    """The filter, for the email that the caller sees: of its mode, and for an administrator of both."""
    return wanted if caller.is_admin else of_mode(connection, caller, wanted)


def of_mode(connection: Connection, caller: Caller, wanted: Filter) -> Filter:
    """The filter, for the email of the caller's mode.

    Where no test key was ever issued there is no test email. Then the indexes answer alone: they do not have the lane.
    """
    if caller.mode is Mode.TEST:
        other = TEST_LANE if wanted.lane not in {None, TEST_LANE} else None  # then no email passes
        return replace(wanted, lane=TEST_LANE, without_lane=other, due_in=(TEST_LANE,) if wanted.due_in else ())
    tries = keys.any_of_kind(connection, KeyKind.TEST, app_id=wanted.app_id)
    return replace(wanted, without_lane=TEST_LANE) if tries else wanted


def app_filter(connection: Connection, caller: Caller, app: str | None) -> UUID | None:
    """The application whose rows are listed or counted; None for all. `app` is the name of one.

    Raises `RestrictedApiKey` if an application names another one, and `ValidationFailed` for an unknown name.
    """
    if app and app != caller.app and not caller.is_admin:
        raise RestrictedApiKey("An application sees only what is its own; leave `app` out.")
    if not app or not caller.is_admin:
        return owner(caller)
    found = apps.by_name(connection, app)
    if found is None:
        rule = "There is no application of this name."
        raise ValidationFailed(rule, faults=(Fault("/app", "unknown", rule),))
    return found.id


def key_filter(email: str, pointer: str) -> str:
    """The suppression key of an address. Raises `ValidationFailed`, which names the field by its `pointer`."""
    try:
        return parse_address(email).key
    except InvalidAddress as error:
        raise ValidationFailed(str(error), faults=(Fault(pointer, error.code, str(error)),)) from error


def provider_filter(name: str | None) -> str | None:
    """The mailbox provider of this name; None for all. Raises `ValidationFailed` for a name that nothing has."""
    if name is not None and name not in PROVIDERS:
        rule = f"One of {', '.join(PROVIDERS)}."
        raise ValidationFailed(rule, faults=(Fault("/provider", "unknown", rule),))
    return name
