"""With years of history, nothing that comes by the SES door or by SMTP scans a whole table."""

import json
import smtplib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

import pytest

from app.domain.apps.callers import Scope
from app.services.apps.app_options import AppOptions
from app.smtp.door import Patience
from app.smtp.open_door import make_door, services_of
from tests.support.database.history import ROLE_ADDRESS
from tests.support.database.query_plans import require_cheap, watching
from tests.support.database.walks import LISTED, OLD, PERSON, RECENT
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import issue
from tests.support.gateway.web import Web
from tests.support.servers.served import served
from tests.support.ses.door import Door, signed
from tests.support.ses.operations import ADDRESS, FORMS, FROM, OPERATIONS, SIMPLE
from tests.support.smtp.doors import serving

LARGE, SMALL = "app-1", "app-5"
LISTS: Final[tuple[dict[str, str | int], ...]] = (
    {},
    {"PageSize": 1000},
    {"PageSize": 20, "NextToken": "01a00000-0000-7000-8000-000000000000"},
    {"Reason": "COMPLAINT"},
    {"StartDate": RECENT},
    {"StartDate": OLD, "EndDate": RECENT, "Reason": "BOUNCE"},
)
SUPPRESSED: Final = LISTED.format(77, 77)
TO_SOME: Final = {"ToAddresses": [PERSON, ROLE_ADDRESS, SUPPRESSED]}


@pytest.fixture
def limited(web: Web) -> Web:
    """The large application has limits, which are counted when email is accepted."""
    options = AppOptions(emails_per_second=1_000, emails_per_day=1_000_000)
    web.gateway.apps.change(ROOT, LARGE, options)
    return web


def requests() -> Iterator[tuple[str, str, bytes]]:
    """Every operation of both versions, and look-ups of what the history has: method, path and body."""
    for _, method, path, body in OPERATIONS.values():
        yield method, path, b"" if body is None else json.dumps(body).encode()
    for action, (_, form) in FORMS.items():
        yield "POST", "/", urlencode({"Action": action, **form}).encode()
    yield "POST", "/v2/email/outbound-emails", json.dumps({**FROM, "Destination": TO_SOME, "Content": SIMPLE}).encode()
    for address in (PERSON, ROLE_ADDRESS, LISTED.format(78, 78), LISTED.format(80, 80)):
        yield "GET", f"{ADDRESS}/{address}", b""
        yield "DELETE", f"{ADDRESS}/{address}", b""
    for query in LISTS:
        yield "GET", f"{ADDRESS}?{urlencode(query)}", b""


def test_no_operation_of_ses_scans_a_table_that_grows(limited: Web) -> None:
    """Nor does the check of its signature, nor a call that an SDK repeats."""
    with served(limited) as url, watching() as watch:
        door = Door(limited, url)
        for app in (LARGE, SMALL):
            key = door.credentials(app=app)
            for number, (method, path, body) in enumerate(requests()):
                for _ in range(2 if "outbound" in path else 1):
                    with watch.doing(f"{method} {path} of {app}"):
                        answer = signed(door, key, method, path, body, **{"amz-sdk-invocation-id": f"{app}-{number}"})
                        assert answer.status in {200, 404}, (path, answer.data)
    require_cheap(watch)


def test_no_session_of_smtp_scans_a_table_that_grows(limited: Web) -> None:
    """Signing in, the verdict at RCPT, the message, its repetition to fewer and to others, the heartbeat."""
    gateway = limited.gateway
    settings = gateway.settings.model_copy(update={"smtp_clear_auth_on_loopback": True})
    scopes = frozenset({Scope.SMTP, Scope.EMAILS_SEND})
    first = [PERSON, ROLE_ADDRESS, "new@example.net", SUPPRESSED]
    message = b"From: invites@example.com\r\nTo: %s\r\nMessage-ID: <1@example.com>\r\n\r\nCome." % PERSON.encode()
    with serving(make_door(settings, services_of(gateway), patience=Patience())) as door, watching() as watch:
        for app in (LARGE, SMALL):
            token = issue(gateway, app=app, scopes=scopes).token
            with watch.doing(f"SMTP of {app}"), door.client() as client:
                client.login(token[:16], token[17:])
                for to in (first, [PERSON], ["late@example.net"]):
                    client.sendmail("invites@example.com", to, message)
                with pytest.raises(smtplib.SMTPRecipientsRefused):
                    client.sendmail("invites@example.com", [SUPPRESSED], message)
        with watch.doing("heartbeat"):
            gateway.smtp_door.beat("growth", {})
            gateway.health.ready()
    require_cheap(watch)
