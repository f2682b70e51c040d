"""An email and its event ask the servers only a few times, by statements that the driver keeps.

Each trip costs them latency and CPU.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from psycopg import _queries
from psycopg._queries import _query2pg

from app.domain.apps.callers import Caller
from app.domain.sending.call_outcome import Envelope, Outcome
from app.queue import Lane
from app.services.feedback.store_notifications import StoreNotifications
from app.store.engine import postgres_connections
from app.wiring.gateway import Gateway
from tests.integration.feedback.test_store_notifications import notification
from tests.support.aws.notifications import delivered, put
from tests.support.database.trips import counted
from tests.support.gateway.emails import submission, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, replace_call_parts, replace_parts

_ADDRESS: Final = "ann@example.net"

pytestmark = [
    pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True),
    pytest.mark.skipif(sys.platform != "linux", reason="libpq writes its trace on Linux alone"),
]


def test_an_email_that_comes_alone_makes_few_trips(
    gateway: Gateway, mailer: ScriptedMailer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To PostgreSQL and to Redis, as `docs/performance.md` says. The second script of a drain runs beside the call."""
    monkeypatch.setattr(postgres_connections, "_MAY_HAVE_ENDED_AFTER_S", 3600.0)  # none is tried first
    for replaces in (replace_parts, replace_call_parts):  # no drain is cut short, however busy the machine
        replaces(gateway, monotonic=lambda: 0.0)
    gateway.positives.rebuild(())
    who = caller(gateway)
    submit(gateway, who, _ADDRESS)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    before_the_call: list[int] = []
    send = mailer.send

    def sends(envelope: Envelope) -> Outcome:
        before_the_call.append(trips.postgres)
        return send(envelope)

    monkeypatch.setattr(mailer, "send", sends)
    found: dict[str, tuple[int, list[str]]] = {}
    with counted(gateway.database, tmp_path / "accepted") as trips:
        submit(gateway, who, _ADDRESS)
    found["accepted"] = trips.postgres, trips.redis
    with counted(gateway.database, tmp_path / "sent") as trips:
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    found["sent"] = trips.postgres, trips.redis
    event = replace(notification(), raw=json.dumps(delivered(_ADDRESS, message=last_id(mailer))))
    with counted(gateway.database, tmp_path / "stored") as trips:
        StoreNotifications(gateway.database)(event)
    found["stored"] = trips.postgres, trips.redis
    with counted(gateway.database, tmp_path / "settled") as trips:
        assert gateway.settle.drain() == 1
    found["settled"] = trips.postgres, trips.redis
    assert before_the_call == [7]
    assert found == {
        "accepted": (1, ["EVALSHA", "SET", "LPUSH"]),
        "sent": (15, ["EVALSHA", "EVALSHA"]),
        "stored": (1, []),
        "settled": (14, ["DEL"]),
    }


def last_id(mailer: ScriptedMailer) -> str:
    return f"ses-{len(mailer.sent):06d}-{_ADDRESS}"


@pytest.mark.parametrize("apps", [1, 2, 10])
@pytest.mark.parametrize("emails", [1, 100])
def test_no_statement_of_an_email_is_read_anew(
    gateway: Gateway, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch, emails: int, apps: int
) -> None:
    """From acceptance to the settled event, for the email of any number of applications. Reading a claim takes 0.1 ms.

    psycopg keeps statements of at most 4,096 octets and 50 values (`psycopg._queries.PostgresQuery.convert`).
    """
    who = [caller(gateway, app=f"app-{number}") for number in range(apps)]
    read_anew: list[bytes] = []

    def read(query: bytes, encoding: str) -> object:
        read_anew.append(query)
        return _query2pg(query, encoding)

    monkeypatch.setattr(_queries, "_query2pg_nocache", read)
    for one in who:
        accept(gateway, one, emails)
    while gateway.deliver.drain(Lane.TRANSACTIONAL).more:
        assert mailer.sent
    assert len(mailer.sent) == emails * apps
    put(
        gateway,
        *(
            json.dumps(delivered(one.recipient, message=f"ses-{n:06d}-{one.recipient}"))
            for n, one in enumerate(mailer.sent, 1)
        ),
    )
    settled = [gateway.settle.drain()]
    while settled[-1]:
        settled.append(gateway.settle.drain())
    assert sum(settled) == emails * apps
    assert read_anew == []


def accept(gateway: Gateway, who: Caller, emails: int) -> None:
    if emails == 1:
        submit(gateway, who, "ann@example.net")
        return
    batch = [submission(f"person{number}@example.net") for number in range(emails)]
    gateway.accept(who, batch, idempotency=None, answer=lambda _: {})
