"""How long things took, in `/metrics`: observed by workers, and the same whichever process is asked."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from math import inf
from unittest.mock import Mock
from uuid import UUID

import pytest

from app.domain.errors import ServiceUnavailable
from app.domain.operating.histograms import (
    ACCEPTED_CALLED,
    CALLED_DELIVERED,
    DATABASE,
    ENDPOINT_ANSWER,
    EVENT_TAKEN,
    REDIS,
    SES_ANSWER,
)
from app.domain.sending.call_outcome import Envelope, Outcome, Retry
from app.queue import Lane
from app.services.paging import Page
from app.store.engine.database import Database
from app.web.application import create_app
from app.wiring.gateway import Gateway, build
from tests.support.gateway.early_mailers import ScriptedEarlyMailer
from tests.support.gateway.emails import delivery, feed, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import age
from tests.support.webhooks.endpoints import ACCEPTED, REFUSED, let_wait_end, scripted, sent_to, subscribe
from worker.process import Crew


@pytest.fixture
def migrated_url(migrated_sqlite_url: str) -> str:
    """One kind of database: the counts themselves are tested on both."""
    return migrated_sqlite_url


class SlowMailer(ScriptedMailer):
    """A SES that takes a moment for each call."""

    def send(self, envelope: Envelope) -> Outcome:
        """Answer as the script says, late."""
        time.sleep(0.06)
        return super().send(envelope)


class SlowEarlyMailer(SlowMailer, ScriptedEarlyMailer):
    """The same, whose answers a thread waits for."""


def counted(gateway: Gateway, histogram: str, label: str = "") -> dict[float, int]:
    """How many were observed up to each bound, once this process has written."""
    gateway.write_timings.write()
    return dict(gateway.measure().timings[histogram][label].up_to)


def drain(gateway: Gateway, email: UUID, *, accepted_s: float = 0, scheduled_s: float | None = None) -> None:
    """Send what is due, with this email accepted so long ago and scheduled for a time so long ago."""
    age(gateway, "emails", "created_at", timedelta(seconds=accepted_s), id=email)
    if scheduled_s is not None:
        age(gateway, "emails", "scheduled_at", timedelta(seconds=scheduled_s), id=email)
    gateway.deliver.drain(Lane.TRANSACTIONAL)


def test_the_wait_of_an_email_is_counted_in_its_lane(gateway: Gateway) -> None:
    """From its acceptance to its call, by the clock of the database."""
    drain(gateway, submit(gateway, caller(gateway), "kim@example.net"), accepted_s=40)
    waited = counted(gateway, ACCEPTED_CALLED, "transactional")
    assert (waited[30], waited[60]) == (0, 1)
    assert set(counted(gateway, ACCEPTED_CALLED, "bulk").values()) == {0}


def test_a_scheduled_email_waits_from_its_time_on(gateway: Gateway) -> None:
    """That its application wanted it later is no delay."""
    drain(gateway, submit(gateway, caller(gateway), "kim@example.net"), accepted_s=4000, scheduled_s=20)
    waited = counted(gateway, ACCEPTED_CALLED, "transactional")
    assert (waited[10], waited[30]) == (0, 1)


def test_an_email_waits_until_ses_takes_it(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A call that SES refuses is an answer, and no end of the wait."""
    mailer.answers["kim@example.net"] = Retry("Busy.")
    email = submit(gateway, caller(gateway), "kim@example.net")
    drain(gateway, email)
    assert counted(gateway, ACCEPTED_CALLED, "transactional")[inf] == 0
    mailer.answers.clear()
    age(gateway, "recipients", "due_at", timedelta(seconds=1), email_id=email)
    drain(gateway, email, accepted_s=400)
    waited = counted(gateway, ACCEPTED_CALLED, "transactional")
    assert (waited[300], waited[900]) == (0, 1)
    assert counted(gateway, SES_ANSWER)[inf] == 2


@pytest.mark.parametrize("mailer", [SlowMailer(), SlowEarlyMailer()], ids=["by threads", "early"])
def test_the_answer_of_ses_is_timed(gateway: Gateway) -> None:
    """From the beginning of the call to its answer, whichever transport makes it."""
    drain(gateway, submit(gateway, caller(gateway), "kim@example.net"))
    answered = counted(gateway, SES_ANSWER)
    assert (answered[0.05], answered[inf]) == (0, 1)


def test_a_delivery_is_timed_once(gateway: Gateway) -> None:
    """By the times of SES, and SNS delivers some notifications twice."""
    email = submit(gateway, caller(gateway), "kim@example.net")
    drain(gateway, email)
    for _ in range(2):
        feed(gateway, delivery(gateway, email))
    delivered = counted(gateway, CALLED_DELIVERED)
    assert (delivered[0.5], delivered[1], delivered[inf]) == (0, 1, 1)


def test_counts_of_processes_add_up_and_outlive_them(gateway: Gateway) -> None:
    """A process that begins anew adds to what there is, and one that ends writes what it has left."""
    drain(gateway, submit(gateway, caller(gateway), "kim@example.net"))
    assert counted(gateway, SES_ANSWER)[inf] == 1
    with closing(build(gateway.settings, mailer=ScriptedMailer())) as other:
        crew = Crew(other)
        drain(other, submit(other, caller(other), "ann@example.net"))
        crew.close()
    assert counted(gateway, SES_ANSWER)[inf] == 2


def test_what_could_not_be_written_is_written_later(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away, nothing is lost and nothing is counted twice."""
    drain(gateway, submit(gateway, caller(gateway), "kim@example.net"))
    with monkeypatch.context() as away:
        away.setattr("app.store.operating.tallies.add", Mock(side_effect=ServiceUnavailable("Away.", retry_after=1)))
        with pytest.raises(ServiceUnavailable):
            gateway.write_timings.write()
    assert counted(gateway, SES_ANSWER)[inf] == 1
    assert counted(gateway, SES_ANSWER)[inf] == 1


def test_each_use_of_a_connection_is_timed(migrated_postgres_url: str) -> None:
    """With the wait for the connection and the commit, whatever comes of it."""
    took: list[float] = []
    with closing(Database(migrated_postgres_url, observe=took.append)) as database:
        for use in (database.transaction, database.reading, database.asking, database.by_statement):
            with suppress(LookupError), use():
                time.sleep(0.02)
                raise LookupError
    assert len(took) == 4
    assert min(took) >= 0.02


def test_the_web_writes_what_it_observes(
    migrated_sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, and at its end: no worker has to be there."""
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr("app.web.application.atexit", Mock(register=at_exit.append))
    app = create_app(settings_for(migrated_sqlite_url, redis_url))
    with closing(app.extensions["postern"]) as gateway:
        assert app.test_client().get("/readyz").status_code == 503
        gateway.positives.look_up(["kim@example.net"])
        [write_what_is_left] = at_exit
        write_what_is_left()
        timings = gateway.measure().timings
        assert timings[DATABASE]["web"].up_to[-1][1] > 0
        assert timings[REDIS]["web"].up_to[-1][1] > 0
        assert timings[DATABASE]["worker"].up_to[-1][1] == 0


def test_an_event_is_timed_until_an_endpoint_takes_it(gateway: Gateway) -> None:
    """Each answer counts, and the event once: when it is replayed later, it is not late."""
    who = caller(gateway)
    poster = scripted(gateway, lambda _: REFUSED)
    endpoint = subscribe(gateway, who, "email.sent").endpoint
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    assert (counted(gateway, ENDPOINT_ANSWER)[inf], counted(gateway, EVENT_TAKEN)[inf]) == (1, 0)
    poster.answer = lambda _: ACCEPTED
    age(gateway, "webhook_deliveries", "created_at", timedelta(seconds=70))
    let_wait_end(gateway)
    gateway.webhooks.deliver.drain()
    taken = counted(gateway, EVENT_TAKEN)
    assert (taken[60], taken[300]) == (0, 1)
    [delivery] = gateway.webhooks.deliveries.page(who, endpoint.id, Page(limit=1)).data
    gateway.webhooks.deliveries.replay(who, endpoint.id, delivery.id)
    gateway.webhooks.deliver.drain()
    assert (counted(gateway, ENDPOINT_ANSWER)[inf], counted(gateway, EVENT_TAKEN)[inf]) == (3, 1)
