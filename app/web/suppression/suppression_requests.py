"""What a request about the suppression list may ask: its bodies and query strings, field by field."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.services.suppression.entries import Status
from app.web.http.fields import NOT_EMPTY, FlagText, MomentField, TargetField
from app.web.http.known import Known, PageQuery

MAX_ENTRIES = 100
"""Addresses or ids in one batch call about suppressions, as Resend has it."""

ScopeWord = Annotated[str, Field(max_length=128)]


class SuppressionBody(Known):
    """An address, or a whole domain, to suppress: for every email, one application, or one stream."""

    email: TargetField
    scope: ScopeWord = EVERY_EMAIL
    reason: str | None = None
    expires_at: MomentField | None = None


class UnsuppressBody(Known):
    """Why an address may be sent to again. After a complaint or an erasure, `force` is needed."""

    reason: str | None = None
    force: StrictBool = False


class UndoBody(Known):
    """Why a removal is undone."""

    reason: str | None = None


class SuppressBatchBody(Known):
    """Addresses or whole domains to suppress, for every email unless a scope is given."""

    emails: Annotated[tuple[TargetField, ...], Field(max_length=MAX_ENTRIES), NOT_EMPTY]
    scope: ScopeWord = EVERY_EMAIL
    reason: str | None = None


class UnsuppressBatchBody(Known):
    """Addresses to unsuppress or ids of entries to remove, never both, and the reason."""

    emails: Annotated[tuple[TargetField, ...], Field(max_length=MAX_ENTRIES), NOT_EMPTY] | None = None
    ids: Annotated[tuple[UUID, ...], Field(max_length=MAX_ENTRIES), NOT_EMPTY] | None = None
    reason: str | None = None
    force: StrictBool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> "UnsuppressBatchBody":
        if (self.emails is None) == (self.ids is None):
            raise PydanticCustomError("one_of", "Give either emails or ids.")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Each entry once, as an address or an id in text."""
        return tuple(dict.fromkeys(self.emails or map(str, self.ids or ())))


class SuppressionsQuery(PageQuery):
    """Which entries of the suppression list: newest first, or with `q`, the beginning of an address, by address."""

    origin: Origin | None = None
    q: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    scope: ScopeWord | None = None
    status: Literal[Status.LIVE, Status.REVIEW] | None = None


class UnsuppressQuery(Known):
    """Why an address may be sent to again, and in which scope; default: all its entries."""

    reason: str | None = None
    force: FlagText = False
    scope: ScopeWord | None = None
