"""Access to the SES door: each operation needs the scope of the door and its own, and large bodies wait their turn."""

import json
import threading
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from app.domain.apps.callers import Scope
from app.web.ses.v1.actions import ACTIONS
from app.web.ses.v2.routing import ses_operation_of
from tests.support.gateway.gateways import issue
from tests.support.ses.door import Credentials, Door, signed
from tests.support.ses.operations import FORMS, OPERATIONS


@pytest.fixture(scope="module")
def keys(door: Door) -> dict[Scope, Credentials]:
    """A key with each scope, and with that of the door."""
    return {scope: door.credentials(Scope.SES, scope) for scope in Scope if scope is not Scope.ADMIN}


def test_every_operation_is_here(door: Door) -> None:
    """A new one has to say here what it needs."""
    views = door.web.client.application.view_functions.values()
    assert {one.name for view in views if (one := ses_operation_of(view))} == OPERATIONS.keys()
    assert ACTIONS.keys() == FORMS.keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_opens_to_its_scope_alone(door: Door, keys: dict[Scope, Credentials], name: str) -> None:
    """Beside that of the door. Without the scope of the door, a key has no secret that could be checked."""
    needed, method, path, body = OPERATIONS[name]
    raw = b"" if body is None else json.dumps(body).encode()
    for scope, key in keys.items():
        answer = signed(door, key, method, path, raw)
        assert answer.status in ({200, 404} if needed in {None, scope} else {403}), (scope, answer.data)
    assert signed(door, door.credentials(*(set(Scope) - {Scope.SES, Scope.ADMIN})), method, path, raw).status == 403
    assert signed(door, door.credentials(Scope.ADMIN, Scope.SES), method, path, raw).status in {200, 400, 404}


@pytest.mark.parametrize("name", FORMS)
def test_an_action_opens_to_its_scope_alone(door: Door, keys: dict[Scope, Credentials], name: str) -> None:
    """As the operations of version 2."""
    needed, form = FORMS[name]
    for scope, key in keys.items():
        answer = signed(door, key, "POST", "/", urlencode({"Action": name, **form}).encode())
        assert answer.status == (200 if needed in {None, scope} else 403), (scope, answer.data)


def test_few_large_bodies_are_held_before_it_is_known_whose_they_are(door: Door) -> None:
    """More of one application are told to come again. Small ones are answered meanwhile, and those of others."""
    in_progress = door.web.client.application.extensions["postern_in_progress"]
    app_id = issue(door.web.gateway, app="invites").key.app.id
    entered, over = threading.Barrier(9), threading.Event()

    def hold() -> None:
        assert in_progress.enter(("unproven", app_id), at_most=8)
        entered.wait()
        over.wait()
        in_progress.leave()

    holders = [threading.Thread(target=hold) for _ in range(8)]
    for holder in holders:
        holder.start()
    entered.wait()
    key, large = door.credentials(), json.dumps({"Content": "x" * 1_100_000}).encode()
    busy = signed(door, key, "POST", "/v2/email/outbound-emails", large)
    small = signed(door, key, "GET", "/v2/email/account")
    other = signed(door, door.credentials(app="others"), "POST", "/v2/email/outbound-emails", large)
    over.set()
    for holder in holders:
        holder.join()
    assert (busy.status, busy.headers["x-amzn-ErrorType"]) == (503, "ServiceUnavailableException")
    assert (small.status, other.status) == (200, 400)
    assert signed(door, key, "POST", "/v2/email/outbound-emails", large).status == 400


@pytest.mark.parametrize("key_id", [None, "AKIAIOSFODNN7EXAMPLE", "ptn_aaaaaaaaaaaa"])
def test_a_large_body_of_nobody_is_not_read(door: Door, key_id: str | None) -> None:
    """The refusal comes before the first octet of it, and before any signature is computed."""
    address = urlsplit(door.url)
    client = HTTPConnection(address.hostname or "", address.port, timeout=10)
    request = AWSRequest(method="POST", url=f"{door.url}/v2/email/outbound-emails", data=b"")
    if key_id is not None:
        SigV4Auth(BotoCredentials(key_id, "s" * 43), "ses", "eu-west-1").add_auth(request)
    client.putrequest("POST", "/v2/email/outbound-emails")
    for name, value in {**dict(request.headers.items()), "Content-Length": "50000000"}.items():
        client.putheader(name, value)
    client.endheaders()
    answer = client.getresponse()
    client.close()
    code = "UnrecognizedClientException" if key_id else "MissingAuthenticationTokenException"
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (403, code)
