"""Access to the SES door: each operation needs the scope of the door and its own, and large bodies wait their turn."""

import json
import threading
from base64 import b64encode
from http.client import HTTPConnection
from typing import Any
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

ADDRESS = "/v2/email/suppression/addresses"
TEXT = {"Data": "Hello."}
SIMPLE = {"Simple": {"Subject": TEXT, "Body": {"Text": TEXT}}}
TEMPLATE = {"Template": {"TemplateContent": {"Subject": "Hello", "Text": "Hello."}}}
TO = {"ToAddresses": ["ann@example.net"]}
FROM = {"FromEmailAddress": "invites@example.com"}
MIME = b"From: invites@example.com\r\nTo: ann@example.net\r\n\r\nHello."
OPERATIONS: dict[str, tuple[Scope | None, str, str, Any]] = {
    "SendEmail": (
        Scope.EMAILS_SEND, "POST", "/v2/email/outbound-emails", {**FROM, "Destination": TO, "Content": SIMPLE},
    ),
    "SendBulkEmail": (
        Scope.EMAILS_SEND, "POST", "/v2/email/outbound-bulk-emails",
        {**FROM, "DefaultContent": TEMPLATE, "BulkEmailEntries": [{"Destination": TO}]},
    ),
    "GetAccount": (None, "GET", "/v2/email/account", None),
    "ListEmailIdentities": (None, "POST", "/v2/email/list-identities", {}),
    "GetEmailIdentity": (None, "GET", "/v2/email/identities/example.com", None),
    "ListConfigurationSets": (None, "POST", "/v2/email/list-configuration-sets", {}),
    "PutSuppressedDestination": (
        Scope.SUPPRESSIONS_WRITE, "PUT", ADDRESS, {"EmailAddress": "kim@example.net", "Reason": "BOUNCE"},
    ),
    "GetSuppressedDestination": (Scope.SUPPRESSIONS_READ, "GET", f"{ADDRESS}/kim@example.net", None),
    "ListSuppressedDestinations": (Scope.SUPPRESSIONS_READ, "GET", ADDRESS, None),
    "DeleteSuppressedDestination": (Scope.SUPPRESSIONS_WRITE, "DELETE", f"{ADDRESS}/lee@example.net", None),
    "any other operation": (None, "GET", "/v2/email/nothing", None),
}  # fmt: skip
FORMS: dict[str, tuple[Scope | None, dict[str, str]]] = {
    "SendEmail": (
        Scope.EMAILS_SEND,
        {
            "Source": "invites@example.com", "Destination.ToAddresses.member.1": "ann@example.net",
            "Message.Subject.Data": "Hello", "Message.Body.Text.Data": "Hello.",
        },
    ),
    "SendRawEmail": (Scope.EMAILS_SEND, {"RawMessage.Data": b64encode(MIME).decode()}),
    "GetSendQuota": (None, {}),
    "VerifyEmailIdentity": (None, {"EmailAddress": "invites@example.com"}),
}  # fmt: skip


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
