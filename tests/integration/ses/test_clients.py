"""Clients of SES, real and unchanged: each has its endpoint and its key in the environment, and nothing else is new.

All of them send through one gateway. Each meets what an application meets: an email that is accepted, a recipient that
is suppressed, an address that is none, a From that is not allowed, a limit, a message that is too large, and a gateway
whose database is away.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from functools import partial
from unittest import mock

import pytest
from flask import request

from app.domain.errors import ServiceUnavailable
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.app_options import AppOptions
from tests.support.gateway.client_email import Email
from tests.support.gateway.emails import ROOT
from tests.support.ses.clients import PYTHON_CLIENTS, Refused, environment_of, send
from tests.support.ses.door import Credentials, Door
from tests.support.ses.node_client import NodeClients, node_clients

Sends = Callable[[Credentials, Email], str]
NODE_CLIENTS = ("sesv2", "ses", "nodemailer")
OF_VERSION_1 = {"boto3 ses", "django-ses", "node ses"}
LARGE = 45_900_000
"""Octets. With this subject they have no +, / or = in base64: botocore takes ten seconds to escape those in a form."""

every_client = pytest.mark.parametrize("client", [*PYTHON_CLIENTS, *(f"node {one}" for one in NODE_CLIENTS)])


@pytest.fixture(scope="module")
def node(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeClients]:
    with node_clients(door, tmp_path_factory.mktemp("node")) as clients:
        yield clients


@pytest.fixture
def node_if_needed(request: pytest.FixtureRequest) -> Callable[[], NodeClients]:
    return lambda: request.getfixturevalue("node")


@pytest.fixture
def by(client: str, door: Door, node_if_needed: Callable[[], NodeClients]) -> Iterator[Sends]:
    """What sends with a key by the client of the test."""
    kind, _, name = client.partition(" ")
    if kind == "node":
        yield partial(node_if_needed().send, name)
        return
    with environment_of(door):
        yield partial(send, client)


@every_client
def test_an_email_is_accepted_and_sent(door: Door, client: str, by: Sends) -> None:
    """SES gets it, and the id that the client was given finds it."""
    email_id = by(door.credentials(), Email(to="ann@example.net", subject=f"By {client}"))
    door.web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    email = door.web.email(door.web.key("invites"), email_id)
    assert (email["from"], email["to"]) == ("invites@example.com", ["ann@example.net"])
    assert email["recipients"][0]["state"] == State.SENT
    parsed = [message_from_bytes(one.raw, policy=policy.default) for one in door.web.mailer.sent]
    [message] = [one for one in parsed if one["Subject"] == f"By {client}"]
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "Come and see."


@every_client
def test_a_suppressed_recipient_gets_an_id_and_no_email(door: Door, by: Sends) -> None:
    """As at SES. The id says what became of it."""
    door.web.gateway.suppress.add(ROOT, "gone@example.net", reason="By phone.")
    email = door.web.email(door.web.key("invites"), by(door.credentials(), Email(to="gone@example.net")))
    assert email["last_event"] == "suppressed"


@every_client
def test_what_is_refused_is_refused_once(door: Door, client: str, by: Sends) -> None:
    """A bad address and a From that is not allowed have the class of SES, and no client tries again."""
    with pytest.raises(Refused) as refused:
        by(door.credentials(), Email(to="ann@example"))
    code = "InvalidParameterValue" if client in OF_VERSION_1 else "BadRequestException"
    assert (refused.value.code, refused.value.status, refused.value.attempts) == (code, 400, 1)
    with pytest.raises(Refused) as refused:
        by(door.credentials(), Email(to="ann@example.net", sender="kim@example.org"))
    assert (refused.value.code, refused.value.status, refused.value.attempts) == ("MessageRejected", 400, 1)
    assert refused.value.message.startswith("Email address is not verified.")


@every_client
def test_a_limit_and_a_lost_database_are_tried_again(door: Door, client: str, by: Sends) -> None:
    """Each client knows them as what may pass, and tries again before it gives up."""
    app = client.replace(" ", "-")
    key = door.credentials(app=app)
    door.web.gateway.apps.change(ROOT, app, AppOptions(emails_per_day=1))
    by(door.credentials(app=app), Email(to="ann@example.net"))
    with pytest.raises(Refused) as refused:
        by(key, Email(to="ann@example.net"))
    code = "Throttling" if client in OF_VERSION_1 else "TooManyRequestsException"
    assert (refused.value.code, refused.value.status) == (code, 400 if client in OF_VERSION_1 else 429)
    assert (refused.value.attempts or 0) > 1
    with database_away(door) as calls, pytest.raises(Refused) as refused:
        by(key, Email(to="ann@example.net"))
    assert (refused.value.code.removesuffix("Exception"), refused.value.status) == ("ServiceUnavailable", 503)
    assert (refused.value.attempts or 0) > 1
    assert len(calls) == 1, "each try has the name of its call, by which it is known as the same email"


@contextmanager
def database_away(door: Door) -> Iterator[set[str]]:
    """Have every transaction of this gateway fail, as when its database is not to be reached.

    Yields the invocation ids of the requests to send that meet it.
    """
    calls = set()

    def lose() -> None:
        if b"GetSendQuota" not in request.get_data():  # django-ses asks for it first, in a call of its own
            calls.add(request.headers["amz-sdk-invocation-id"])
        raise ServiceUnavailable("The database is not available.", retry_after=1)

    database = door.web.gateway.database
    with mock.patch.object(database, "transaction", lose), mock.patch.object(database, "reading", lose):
        yield calls


def test_the_sdk_for_javascript_reads_the_other_operations(door: Door, node: NodeClients) -> None:
    """The list by its own paging, times as times, numbers as numbers."""
    door.web.gateway.suppress.add(ROOT, "other@example.net", reason="By phone.")
    read = node.send("suppression list", door.credentials(app="reading"), Email(to="js+1@example.net"))
    assert read == f"COMPLAINT {datetime.now(UTC).year} true -1"


@every_client
def test_a_message_of_46_mb_is_refused_once(client: str, door: Door, by: Sends) -> None:
    """It is larger than any that SES takes, and each client says so at once."""
    with pytest.raises(Refused) as refused:
        by(door.credentials(), Email(to="ann@example.net", subject="Large", size=LARGE))
    code = "InvalidParameterValue" if client in OF_VERSION_1 else "BadRequestException"
    assert (refused.value.code, refused.value.status, refused.value.attempts) == (code, 413, 1)
