"""`/v1/outcome-links`: links to pages that show outcomes to whoever has the link."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from flask import Response
from pydantic import Field, PlainValidator, StrictBool, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app.domain.apps.callers import Caller, Scope
from app.domain.message.delays import read_delay
from app.domain.reporting.outcome_links import LinkKind
from app.services.reporting.outcome_links import LinkView, LinkWish
from app.web.http.context import current_gateway
from app.web.http.fields import ActorSought, KeySought, MomentField, TagField, read_text
from app.web.http.known import Known, PageQuery
from app.web.http.responses import Listed, Moment, View
from app.web.http.routing import Operation, Routes

outcome_links = Routes("outcome_links", __name__, url_prefix="/v1/outcome-links")


def _delay(value: Any) -> timedelta:
    text = read_text(value).strip()
    delay = read_delay(text if text.lower().startswith("in ") else f"in {text}")
    if delay is None:
        raise PydanticCustomError("delay", "Give a duration such as 30 days, 12 hours or 2 weeks.")
    return delay


DelayField = Annotated[
    timedelta, PlainValidator(_delay), WithJsonSchema({"type": "string", "examples": ["30 days", "12 hours"]})
]


class LinkBody(Known):
    """What a link shows: the outcomes of one actor, reference, stream or tag. It lasts for 30 days, a year at most."""

    actor: ActorSought | None = None
    reference: KeySought | None = None
    stream: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    tag: TagField | None = None
    mask_addresses: Annotated[StrictBool, Field(description="Show `k•••@example.com` in place of addresses.")] = False
    title: str | None = Field(None, description="The heading of the page.")
    expires_at: MomentField | None = None
    expires_in: DelayField | None = Field(None, description="In place of `expires_at`.")

    @model_validator(mode="after")
    def _one_of_each(self) -> "LinkBody":
        if sum(given is not None for given in (self.actor, self.reference, self.stream, self.tag)) != 1:
            raise PydanticCustomError("one_of", "Give exactly one of actor, reference, stream and tag.")
        if self.expires_at is not None and self.expires_in is not None:
            raise PydanticCustomError("one_of", "Give expires_at or expires_in, not both.")
        return self

    def wish(self) -> LinkWish:
        """The same as `OutcomeLinks` takes it."""
        given = {
            LinkKind.ACTOR: self.actor,
            LinkKind.REFERENCE: self.reference,
            LinkKind.STREAM: self.stream,
            LinkKind.TAG: self.tag and ":".join(self.tag),
        }
        [(kind, value)] = [(kind, value) for kind, value in given.items() if value is not None]
        return LinkWish(
            kind=kind,
            value=value,
            masked=self.mask_addresses,
            title=self.title,
            expires_at=self.expires_at,
            expires_in=self.expires_in,
        )


class LinkRow(View):
    """A link. `url` is null while PUBLIC_URL is not fit for links. It is for people to open, without a key."""

    object: Literal["outcome_link"]
    id: UUID
    url: str | None
    expires_at: Moment
    revoked_at: Moment | None
    created_at: Moment
    actor: str | None
    reference: str | None
    stream: str | None
    tag: str | None
    mask_addresses: bool
    title: str | None
    app: str

    @classmethod
    def of(cls, view: LinkView) -> Self:
        """Make it from the view of one link."""
        link = view.link
        shows = {kind.value: link.value if kind is link.kind else None for kind in LinkKind}
        return cls(
            object="outcome_link",
            id=link.id,
            url=view.url,
            expires_at=link.expires_at,
            revoked_at=link.revoked_at,
            created_at=link.created_at,
            mask_addresses=link.masked,
            title=link.title,
            app=link.app,
            **shows,
        )


@outcome_links.operation(
    "POST",
    "",
    Operation(
        guard=Scope.EMAILS_READ,
        summary="Make a link to a page of outcomes, for people without a key.",
        body=LinkBody,
        gives=LinkRow,
    ),
)
def create_outcome_link(caller: Caller, body: LinkBody) -> Response:
    """Answer with the link."""
    return LinkRow.of(current_gateway().reporting.outcome_links.create(caller, body.wish())).answer()


@outcome_links.operation(
    "GET",
    "",
    Operation(guard=Scope.EMAILS_READ, summary="List the links, newest first.", query=PageQuery, gives=Listed[LinkRow]),
)
def list_outcome_links(caller: Caller, query: PageQuery) -> Response:
    """Answer with one page, also of links that have ended."""
    found = current_gateway().reporting.outcome_links.all(caller, query.page())
    rows = [LinkRow.of(view) for view in found.data]
    return Listed[LinkRow](object="list", data=rows, has_more=found.has_more).answer()


@outcome_links.operation(
    "GET", "/<uuid:link_id>", Operation(guard=Scope.EMAILS_READ, summary="Look up one link.", gives=LinkRow)
)
def get_outcome_link(caller: Caller, link_id: UUID) -> Response:
    """Answer with the link."""
    return LinkRow.of(current_gateway().reporting.outcome_links.find(caller, link_id)).answer()


@outcome_links.operation(
    "DELETE",
    "/<uuid:link_id>",
    Operation(guard=Scope.EMAILS_READ, summary="Revoke a link: its page is gone for good.", gives=LinkRow),
)
def revoke_outcome_link(caller: Caller, link_id: UUID) -> Response:
    """Answer with the link, which has ended."""
    return LinkRow.of(current_gateway().reporting.outcome_links.revoke(caller, link_id)).answer()
