"""The verdict in SQL: whether mail to an address is suppressed, by what, and in which words that is told.

It is part of the statements that claim mail and look at it again (`app.store.claims`); what is read anywhere else, or
before them, decides nothing. It never changes the list.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, literal, select, union_all

from app.domain.suppression import EVERY_MAIL, STRENGTH
from app.store.models import suppressions
from app.store.names import app_of, at_domain
from app.store.suppression_models import IS_NO_ADDRESS, IS_NO_DOMAIN
from app.store.suppressions import LIVE


def suppressed_by(
    key: ColumnElement[str], pseudonym: ColumnElement[str], scope: ColumnElement[str]
) -> ColumnElement[str | None]:
    """SQL: the origin of a live suppression of this address for this scope `app/stream`, or NULL.

    The one definition of 'suppressed': by the address, by its whole domain, or by the pseudonym of somebody who was
    forgotten; for every mail, for the application, or for the stream.
    """
    scopes = [literal(EVERY_MAIL), app_of(scope), scope]
    by_address = _origins(suppressions.c.key == key, scopes).where(IS_NO_DOMAIN)
    # There are few domains and pseudonyms, in a small index of their own: the large one is searched once for each mail.
    by_other_names = _origins(suppressions.c.key.in_([at_domain(key), pseudonym]), scopes).where(IS_NO_ADDRESS)
    found = union_all(by_address, by_other_names).subquery()
    return select(found.c.origin).order_by(strength(found.c.origin).desc()).limit(1).scalar_subquery()


def strength(origin: ColumnElement[str]) -> ColumnElement[int]:
    """SQL: which of several origins tells why (`app.domain.suppression.STRENGTH`)."""
    return case(*[(origin == literal(name.value), rank) for name, rank in STRENGTH.items()], else_=0)


def reason_for(origin: str) -> str:
    """Why a mail ended as suppressed, in plain words."""
    return f"The address is on the suppression list ({origin})."


def why(origin: ColumnElement[Any]) -> ColumnElement[str]:
    """SQL: the same of an origin that is read in the statement."""
    before, after = reason_for("|").split("|")
    return literal(before) + cast(origin, String) + literal(after)


def _origins(named: ColumnElement[bool], scopes: list[ColumnElement[str]]) -> Select[Any]:
    origins = select(suppressions.c.origin).where(named, suppressions.c.scope.in_(scopes), LIVE)
    return origins.correlate_except(suppressions)
