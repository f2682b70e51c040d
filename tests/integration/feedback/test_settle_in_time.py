"""A batch of news holds the rows of its mails for a moment only, however slow the database is."""

import json
from itertools import count

from app.domain.delivery import State
from app.queue import Bells, make_celery
from app.services.conclude import Conclude
from app.services.settle import Settle
from app.services.unname import Unname
from app.store.redis import Breaker
from app.wiring import Gateway
from tests.feedback import put
from tests.gateways import caller
from tests.mails import bounce, state_of, submit


def slow_settle(gateway: Gateway) -> Settle:
    """Settles with a clock by which each look at it costs a second."""
    seconds = count()
    bells = Bells(make_celery(gateway.settings.broker_url), gateway.redis, breaker=Breaker())
    conclude = Conclude(positives=gateway.positives, exempt_mailbox_simulator=True)
    return Settle(
        database=gateway.database,
        conclude=conclude,
        unname=Unname(gateway.pseudonyms),
        bells=bells,
        monotonic=lambda: float(next(seconds)),
    )


def test_a_slow_batch_settles_what_it_can_and_leaves_the_rest(gateway: Gateway) -> None:
    """It commits after about a second, so that who waits for one of its rows need not give up; nothing is lost."""
    mails = [submit(gateway, caller(gateway), f"guest-{number}@example.net") for number in range(3)]
    put(gateway, *(json.dumps(bounce(gateway, mail)) for mail in mails))
    settle = slow_settle(gateway)
    assert [settle.batch() for _ in range(4)] == [1, 1, 1, 0]
    assert [state_of(gateway, mail) for mail in mails] == [State.BOUNCED] * 3
