"""The verdict in SQL: whether email to an address is suppressed, by which origin, and the words for it.

It is part of the statements that claim email and look at it again (`app.store.sending.claims`). What is read anywhere
else, or before them, decides nothing. It never changes the list.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, literal, literal_column, select, union_all

from app.domain.suppression.rules import EVERY_EMAIL, STRENGTH, Origin
from app.store.engine.sql_functions import app_of, at_domain
from app.store.suppression.suppressions import LIVE
from app.store.tables.core import suppressions
from app.store.tables.suppression import IS_NO_ADDRESS, IS_NO_DOMAIN


def suppressed_by(
    key: ColumnElement[str], pseudonym: ColumnElement[str], scope: ColumnElement[str]
) -> ColumnElement[str | None]:
    """SQL: the origin of a live suppression of this address for this scope `app/stream`, or NULL.

    The one definition of 'suppressed': by the address, by its whole domain, or by the pseudonym of a person who was
    forgotten; for every email, for the application, or for the stream.
    """
    scopes = [literal(EVERY_EMAIL), app_of(scope), scope]
    by_address = _origins(suppressions.c.key == key, scopes).where(IS_NO_DOMAIN)
    # There are few domains and pseudonyms, in a small index of their own: so the large one is searched only once for
    # each email.
    by_other_names = _origins(suppressions.c.key.in_([at_domain(key), pseudonym]), scopes).where(IS_NO_ADDRESS)
    found = union_all(by_address, by_other_names).subquery()
    return select(found.c.origin).order_by(strength(found.c.origin).desc()).limit(1).scalar_subquery()


def strength(origin: ColumnElement[str]) -> ColumnElement[int]:
    """SQL: the rank of an origin; the strongest of several is reported (`app.domain.suppression.rules.STRENGTH`)."""
    ranks: dict[str, ColumnElement[Any]] = {name.value: literal_column(str(rank)) for name, rank in STRENGTH.items()}
    return case(ranks, value=origin, else_=literal_column("0"))


def reason_for(origin: str) -> str:
    """The reason of an email that ended as suppressed, in plain words."""
    return f"The address is on the suppression list ({origin})."


_ORIGIN_OF = {reason_for(origin): origin for origin in Origin}


def origin_of(reason: str | None) -> Origin | None:
    """The origin that such a reason names; None for any other text."""
    return _ORIGIN_OF.get(reason or "")


def why(origin: ColumnElement[Any]) -> ColumnElement[str]:
    """SQL: the same for an origin that is read in the statement."""
    before, after = reason_for("|").split("|")
    return literal(before) + cast(origin, String) + literal(after)


def _origins(named: ColumnElement[bool], scopes: list[ColumnElement[str]]) -> Select[Any]:
    origins = select(suppressions.c.origin).where(named, suppressions.c.scope.in_(scopes), LIVE)
    return origins.correlate_except(suppressions)
