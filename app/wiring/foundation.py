"""What the services of one process stand on: database, Redis, keys, SES, and the few that others ask.

It decides nothing and runs nothing; `app.wiring` builds the services upon it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from redis import Redis

from app.aws.account import SesAccount
from app.aws.clients import sesv2_client
from app.domain.bursts import Breaker as BurstBreaker
from app.queue import Bells, make_celery
from app.services.gate import Gate
from app.services.links import Links
from app.services.reviews import Reviews
from app.services.workforce import Workforce
from app.store.clock import DatabaseClock
from app.store.db import Database
from app.store.positives import Positives
from app.store.pseudonyms import Pseudonyms
from app.store.redis import Breaker, connect
from app.store.sealing import KeyRing
from app.store.turns import Turns
from config import Settings

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

# Threads that render and look while others wait for SES need a connection now and then, never all at once.
_POOL = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What most services stand on."""

    database: Database
    redis: Redis
    breaker: Breaker
    key_ring: KeyRing
    links: Links
    bells: Bells
    positives: Positives
    pseudonyms: Pseudonyms
    gate: Gate
    ses: "SESV2Client"
    account: SesAccount
    workforce: Workforce
    clock: DatabaseClock
    reviews: Reviews


def lay(settings: Settings) -> Ground:
    """The ground of this process. It connects to nothing yet."""
    database = Database(settings.database_url, pool_size=_POOL)
    redis, breaker = connect(settings.redis_url), Breaker()
    key_ring = KeyRing([key.get_secret_value() for key in settings.secret_keys])
    positives = Positives(redis, key=key_ring.derive("positives"), breaker=breaker)
    pseudonyms = Pseudonyms(database, key_ring)
    ses = sesv2_client(settings.aws_region, pool=settings.ses_threads)
    return Ground(
        database=database,
        redis=redis,
        breaker=breaker,
        key_ring=key_ring,
        links=_links(settings, key_ring),
        bells=Bells(make_celery(settings.broker_url), redis, breaker=breaker),
        positives=positives,
        pseudonyms=pseudonyms,
        gate=Gate(database=database, positives=positives, pseudonyms=pseudonyms),
        ses=ses,
        account=SesAccount(ses, turn=Turns(redis, breaker=breaker)),
        workforce=Workforce(database=database),
        clock=DatabaseClock(database),
        reviews=Reviews(database=database, positives=positives, breaker=_breaker(settings)),
    )


def _links(settings: Settings, key_ring: KeyRing) -> Links:
    """The default of PUBLIC_URL is for a look around on one machine; nobody may get mail with a link to it."""
    said = "public_url" in settings.model_fields_set
    return Links(base=settings.public_url if said else None, keys=key_ring.derive_each("unsubscribe"))


def _breaker(settings: Settings) -> BurstBreaker:
    return BurstBreaker(limit=settings.review_bounces, window=timedelta(minutes=settings.review_minutes))
