"""`/v1/apps/<app>/keys`: list, issue, rotate and revoke the API keys of an application. `<key>` is the id of a key."""

from flask import Response

from app.domain.apps.callers import Caller, Scope
from app.services.apps.issue_keys import Issued
from app.web.apps.app_requests import KeyBody, RotationBody
from app.web.apps.app_views import IssuedKeyView, KeyView, RevokedKeyView
from app.web.http.context import current_gateway
from app.web.http.known import PageQuery
from app.web.http.responses import Listed
from app.web.http.routing import Operation, Routes

api_keys = Routes("api_keys", __name__, url_prefix="/v1/apps/<app>/keys")


@api_keys.operation(
    "GET",
    "",
    Operation(
        guard=Scope.ADMIN,
        summary="List the keys of an application, revoked ones too, newest first.",
        query=PageQuery,
        gives=Listed[KeyView],
    ),
)
def list_keys(caller: Caller, app: str, query: PageQuery) -> Response:
    """Answer with one page of keys, without their secrets."""
    found = current_gateway().issue_keys.page(caller, app, query.page())
    data = [KeyView.of(key) for key in found.data]
    return Listed[KeyView](object="list", data=data, has_more=found.has_more).answer()


@api_keys.operation(
    "POST",
    "",
    Operation(
        guard=Scope.ADMIN,
        summary="Issue a key. Its token is shown only in this answer.",
        body=KeyBody,
        body_optional=True,
        gives=IssuedKeyView,
    ),
)
def issue_key(caller: Caller, app: str, body: KeyBody) -> Response:
    """Answer with the key and its token; 409 while the application is archived."""
    issued = current_gateway().issue_keys.add(
        caller, app, name=body.name, scopes=frozenset(body.scopes), kind=body.kind, expires_at=body.expires_at
    )
    return _shown(issued)


@api_keys.operation(
    "POST",
    "/<key>/rotate",
    Operation(
        guard=Scope.ADMIN,
        summary="Issue a key with the same name, scopes and kind, and let the old one expire after the overlap.",
        body=RotationBody,
        body_optional=True,
        gives=IssuedKeyView,
    ),
)
def rotate_key(caller: Caller, app: str, key: str, body: RotationBody) -> Response:
    """Answer with the new key and its token; 409 for a key that has expired or was rotated before."""
    issued = current_gateway().issue_keys.rotate(caller, key, overlap=body.overlap, expires_at=body.expires_at, app=app)
    return _shown(issued)


@api_keys.operation(
    "DELETE",
    "/<key>",
    Operation(guard=Scope.ADMIN, summary="Revoke a key: within five seconds it is refused.", gives=RevokedKeyView),
)
def revoke_key(caller: Caller, app: str, key: str) -> Response:
    """Answer with the id of the key."""
    revoked = current_gateway().issue_keys.revoke(caller, key, app=app)
    return RevokedKeyView(object="api_key", id=revoked.public_id, deleted=True).answer()


def _shown(issued: Issued) -> Response:
    return IssuedKeyView.of_issued(issued, issued.access(current_gateway().doors)).answer()
