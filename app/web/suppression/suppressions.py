"""`/v1/suppressions`: list the suppressed addresses, suppress an address, and unsuppress one with a reason.

The views are thin on purpose: `Suppress` decides the list, its filters and the audit. A batch is one call of it per
address; all of them are checked before the first.
"""

from uuid import UUID

from flask import Response

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import NotFound
from app.services.suppression.entries import Status
from app.services.suppression.suppress import Added
from app.web.http.context import current_gateway
from app.web.http.responses import Listed
from app.web.http.routing import Operation, Routes
from app.web.suppression.suppression_requests import (
    SuppressBatchBody,
    SuppressionBody,
    SuppressionsQuery,
    UndoBody,
    UnsuppressBatchBody,
    UnsuppressBody,
    UnsuppressQuery,
)
from app.web.suppression.suppression_views import (
    AddedSuppression,
    AddedSuppressions,
    FoundSuppression,
    RemovedSuppression,
    RemovedSuppressions,
    RestoredSuppressions,
    SuppressionEntry,
)

suppressions = Routes("suppressions", __name__, url_prefix="/v1/suppressions")


@suppressions.operation(
    "GET",
    "",
    Operation(
        guard=Scope.SUPPRESSIONS_READ,
        summary="List the suppressed addresses, newest first; with `q` in the order of the addresses.",
        query=SuppressionsQuery,
        gives=Listed[SuppressionEntry],
    ),
)
def list_suppressions(caller: Caller, query: SuppressionsQuery) -> Response:
    """Answer with one page of live entries."""
    found = current_gateway().suppress.page(
        caller,
        origin=query.origin,
        q=query.q,
        scope=query.scope,
        page=query.page(),
        under_review=query.status is Status.REVIEW,
    )
    return Listed[SuppressionEntry](
        object="list", data=[SuppressionEntry.of(entry) for entry in found.data], has_more=found.has_more
    ).answer()


@suppressions.operation(
    "GET",
    "/<path:id_or_email>",
    Operation(
        guard=Scope.SUPPRESSIONS_READ,
        summary="Look up an address or an entry. 404 when it is not suppressed.",
        gives=FoundSuppression,
    ),
)
def get_suppression(caller: Caller, id_or_email: str) -> Response:
    """Answer with the widest entry. An administrator gets all entries, their evidence and the history."""
    found = current_gateway().suppress.find(caller, id_or_email)
    return FoundSuppression.of_found(found, whole=caller.is_admin).answer()


@suppressions.operation(
    "POST",
    "",
    Operation(
        guard=Scope.SUPPRESSIONS_WRITE,
        summary="Suppress an address, or a whole domain. An entry that exists already is kept.",
        body=SuppressionBody,
        gives=AddedSuppression,
    ),
)
def add_suppression(caller: Caller, body: SuppressionBody) -> Response:
    """Answer with the entry, and with the emails that it may have come too late for."""
    added = current_gateway().suppress.add(
        caller, body.email, scope=body.scope, reason=body.reason, expires_at=body.expires_at
    )
    return AddedSuppression.of_added(added).answer()


@suppressions.operation(
    "DELETE",
    "/<path:id_or_email>",
    Operation(
        guard=Scope.SUPPRESSIONS_WRITE,
        summary="Unsuppress an address; it is removed from SES's list soon after. The reason is kept in the audit.",
        query=UnsuppressQuery,
        body=UnsuppressBody,
        body_optional=True,
        gives=RemovedSuppression,
    ),
)
def remove_suppression(caller: Caller, id_or_email: str, query: UnsuppressQuery, body: UnsuppressBody) -> Response:
    """Answer with the widest entry that was removed."""
    removed = current_gateway().unsuppress(
        caller,
        id_or_email,
        scope=query.scope,
        reason=body.reason or query.reason,
        force=body.force or query.force,
    )
    return RemovedSuppression.each_of(removed)[0].answer()


@suppressions.operation(
    "POST",
    "/batch/add",
    Operation(
        guard=Scope.SUPPRESSIONS_WRITE,
        summary="Suppress up to 100 addresses.",
        body=SuppressBatchBody,
        gives=AddedSuppressions,
    ),
)
def add_suppressions(caller: Caller, body: SuppressBatchBody) -> Response:
    """Answer with one entry per address. Addresses that belong to one person share an entry."""
    suppress = current_gateway().suppress
    added: dict[UUID, Added] = {}
    for email in body.emails:
        one = suppress.add(caller, email, scope=body.scope, reason=body.reason)
        added.setdefault(one.entry.id, one)
    return AddedSuppressions(data=[AddedSuppression.of_added(one) for one in added.values()]).answer()


@suppressions.operation(
    "POST",
    "/batch/remove",
    Operation(
        guard=Scope.SUPPRESSIONS_WRITE,
        summary="Unsuppress up to 100 addresses or entries.",
        body=UnsuppressBatchBody,
        gives=RemovedSuppressions,
    ),
)
def remove_suppressions(caller: Caller, body: UnsuppressBatchBody) -> Response:
    """Answer with the removed entries. Names that were not on the list are left out."""
    names, unsuppress = body.names, current_gateway().unsuppress
    unsuppress.check(caller, names, reason=body.reason, force=body.force)
    data: list[RemovedSuppression] = []
    for name in names:
        try:
            removed = unsuppress(caller, name, reason=body.reason, force=body.force)
        except NotFound:
            continue
        data += RemovedSuppression.each_of(removed)
    return RemovedSuppressions(data=data).answer()


@suppressions.operation(
    "POST",
    "/<path:id_or_email>/undo",
    Operation(
        guard=Scope.SUPPRESSIONS_WRITE,
        summary="Undo the last removal: the address is suppressed again as it was.",
        body=UndoBody,
        body_optional=True,
        gives=RestoredSuppressions,
    ),
)
def undo_removal(caller: Caller, id_or_email: str, body: UndoBody) -> Response:
    """Answer with the entries that are live again."""
    restored = current_gateway().undo(caller, id_or_email, reason=body.reason)
    return RestoredSuppressions(data=[SuppressionEntry.of(entry) for entry in restored]).answer()
