"""With years of history, nothing that runs often scans a whole table: no sweep, no step of an email, no sign-in.

Every statement of the services is explained when it runs (`tests/support/database/query_plans.py`).
"""

from pathlib import Path

import pytest

from app.domain.errors import SignInRefused
from app.queue import Lane
from app.services.operating.sweeps import Sweep
from app.store.webhooks import deliveries, endpoints
from tests.support.database.history import ROLE_ADDRESS
from tests.support.database.query_plans import require_cheap, watching
from tests.support.database.walks import PERSON
from tests.support.gateway.emails import ROOT, bounce, delivery, feed, submit
from tests.support.gateway.gateways import caller, gateway_on
from tests.support.suppression.list_sync import two_lists
from tests.support.users.people import person, sign_in
from tests.support.webhooks.endpoints import scripted, subscribe


@pytest.mark.parametrize("sweep", Sweep)
def test_no_sweep_scans_a_table_that_grows(url: str, redis_url: str, tmp_path: Path, sweep: Sweep) -> None:
    """However much was erased, sent or removed before: a sweep finds its rows by an index, and in batches."""
    with (
        gateway_on(url, redis_url, email_retention_days=80) as gateway,
        two_lists(gateway, tmp_path) as world,
        watching() as watch,
        watch.doing(sweep),
    ):
        if sweep is Sweep.SES_LIST:
            world.sync.sweep()
        else:
            world.gateway.upkeep.run(sweep)
    assert watch.did() == {sweep}
    require_cheap(watch)


def test_no_step_of_an_email_scans_a_table_that_grows(url: str, redis_url: str) -> None:
    """The email is accepted, sent, reported on, and looked for again after its worker died."""
    with gateway_on(url, redis_url) as gateway, watching() as watch:
        who = caller(gateway)
        with watch.doing("accept"):
            sent = [submit(gateway, who, address, idempotency=address) for address in (PERSON, ROLE_ADDRESS)]
        with watch.doing("deliver"):
            for lane in Lane:
                gateway.deliver.drain(lane)
        with watch.doing("settle"):
            feed(gateway, delivery(gateway, sent[0]))
            feed(gateway, bounce(gateway, sent[1]))
            feed(gateway, bounce(gateway, sent[0], kind="Transient", subtype="MailboxFull"))
        with watch.doing("measure"):
            gateway.health.ready()
        with watch.doing("webhooks"):
            subscribe(gateway, who, "email.sent", "email.bounced", "suppression.added")
            scripted(gateway)
            one = submit(gateway, who, "kim@example.net")
            gateway.deliver.drain(Lane.TRANSACTIONAL)
            feed(gateway, bounce(gateway, one))
            with gateway.database.transaction() as connection:
                for endpoint in endpoints.claim(connection, one, limit=5):
                    assert deliveries.due(connection, endpoint.id, limit=200)
            gateway.webhooks.deliver.drain()
    require_cheap(watch)


def test_no_sign_in_scans_a_table_that_grows(url: str, redis_url: str) -> None:
    """Neither one that fails, nor the pages after one that succeeds, nor the end of it."""
    with gateway_on(url, redis_url) as gateway, watching() as watch:
        with watch.doing("sign in"):
            user = person(gateway)
            with pytest.raises(SignInRefused):
                sign_in(gateway, password="a wrong password")
            token = sign_in(gateway)
            gateway.users.sign_in.with_link(gateway.users.users.link(ROOT, "person-7"), user_agent="")
        with watch.doing("sessions"):
            assert gateway.users.sessions.behind(token)
            assert gateway.users.sessions.of_user(user.id)
            gateway.users.sessions.end_all(user, token)
            gateway.users.sessions.end(token)
    require_cheap(watch)
