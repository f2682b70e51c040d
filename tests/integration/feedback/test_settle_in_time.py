"""A batch of notifications holds the rows of its emails for a moment only, however slow the database is."""

import json
from itertools import count

import pytest

from app.domain.feedback.provenance import Known
from app.domain.sending.state_machine import State
from app.queue import SETTLE, Bells, make_celery
from app.services.feedback.apply import Conclude
from app.services.feedback.set_aside import Doubts
from app.services.feedback.settle import Settle
from app.services.privacy.anonymise import Unname
from app.services.timings import Timings
from app.store.engine.redis import RedisBreaker
from app.wiring.gateway import Gateway
from tests.support.aws.bounces import bounce_reader
from tests.support.aws.notifications import put
from tests.support.gateway.emails import bounce, state_of, submit
from tests.support.gateway.gateways import caller


def slow_settle(gateway: Gateway) -> Settle:
    """Settles with a clock that moves on by a second at each look."""
    seconds = count()
    bells = Bells(make_celery(gateway.settings.broker_url), gateway.redis, breaker=RedisBreaker())
    conclude = Conclude(writer=gateway.list_writer, bounces=bounce_reader(), exempt_mailbox_simulator=True)
    return Settle(
        database=gateway.database,
        conclude=conclude,
        unname=Unname(gateway.pseudonyms),
        doubts=Doubts(Known()),
        bells=bells,
        timings=Timings(),
        monotonic=lambda: float(next(seconds)),
    )


def test_a_slow_batch_settles_what_it_can_and_leaves_the_rest(gateway: Gateway) -> None:
    """It commits after about a second, so that no transaction that waits for its rows gives up; nothing is lost."""
    emails = [submit(gateway, caller(gateway), f"guest-{number}@example.net") for number in range(3)]
    put(gateway, *(json.dumps(bounce(gateway, email)) for email in emails))
    settle = slow_settle(gateway)
    assert [settle.batch() for _ in range(4)] == [1, 1, 1, 0]
    assert [state_of(gateway, email) for email in emails] == [State.BOUNCED] * 3


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_drain_goes_on_where_a_batch_was_cut_short(gateway: Gateway) -> None:
    """It ends after five seconds and rings for what is left."""
    emails = [submit(gateway, caller(gateway), f"guest-{number}@example.net") for number in range(3)]
    put(gateway, *(json.dumps(bounce(gateway, email)) for email in emails))
    settle = slow_settle(gateway)
    assert settle.drain() == 2
    assert gateway.deliver.parts.bells.any_rung([SETTLE])
    assert settle.drain() == 1
    assert not gateway.deliver.parts.bells.any_rung([SETTLE])
