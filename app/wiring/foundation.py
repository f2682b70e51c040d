"""What the services of one process share: database, Redis, keys, SES, and objects that many areas use.

It decides nothing and runs nothing; the builders of the areas build their services on it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import BotoCoreError
from botocore.session import Session
from redis import Redis

from app.aws.clients import READ_TIMEOUT_S, sesv2_client
from app.aws.credentials import following_session
from app.aws.ses.account import SesAccount
from app.broker_url import redis_url
from app.domain.feedback.bounce_reader import BounceReader
from app.domain.operating.histograms import DATABASE, REDIS
from app.net.proxy import Proxy
from app.queue import Bells, make_celery
from app.services.operating.workers import Workforce
from app.services.suppression.list_writer import ListWriter
from app.services.suppression.unsubscribe_links import Links
from app.services.timings import Timings, WriteTimings
from app.store.account.call_slots import CallSlots
from app.store.engine.clock import DatabaseClock
from app.store.engine.database import ANSWERING, WORKING, Database, Patience
from app.store.engine.redis import RedisBreaker, connect
from app.store.privacy.address_tokens import AddressTokens
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.submission.sealing import KeyRing
from app.store.suppression.positive_cache import Positives
from app.wiring.bounce_rules import build_bounce_reader
from config import Settings, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

# Threads that render and look while others wait for SES need a connection now and then, never all at once.
_WORKERS_CONNECTIONS = 12
_REQUEST_WAITS_FOR_SES_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long a process of this part waits for the database and for an answer of SES, in seconds."""

    part: str
    database: Patience
    ses_s: float


WORKERS = Bounds(part="worker", database=replace(WORKING, connections=_WORKERS_CONNECTIONS), ses_s=READ_TIMEOUT_S)
REQUESTS = Bounds(part="web", database=ANSWERING, ses_s=_REQUEST_WAITS_FOR_SES_S)
SMTP_DOOR = replace(REQUESTS, part="smtp")

_PATIENCE_TO_ASK_S = 0.5


class ToBeAsked(TypedDict):
    """Clients for health checks of Redis and the broker; None for a broker of another kind."""

    redis: Redis
    broker: Redis | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What most services share."""

    database: Database
    redis: Redis
    to_be_asked: ToBeAsked
    breaker: RedisBreaker
    key_ring: KeyRing
    links: Links
    bells: Bells
    positives: Positives
    list_writer: ListWriter
    pseudonyms: Pseudonyms
    address_tokens: AddressTokens
    aws_session: Session
    ses: "SESV2Client"
    account: SesAccount
    observe_redis: Callable[[float], None]
    timings: Timings
    write_timings: WriteTimings
    workforce: Workforce
    clock: DatabaseClock
    bounces: BounceReader


def lay(settings: Settings, *, bounds: Bounds = WORKERS, account: SesAccount | None = None) -> Ground:
    """The foundation of this process; `account` replaces that of SES. It connects to nothing yet.

    Raises `SettingsError` if boto3 cannot use the settings of AWS.
    """
    timings = Timings()
    database = Database(
        settings.database_url,
        patience=bounds.database,
        pooled=settings.database_pooled,
        observe=partial(timings.observe, DATABASE, label=bounds.part),
    )
    observe_redis = partial(timings.observe, REDIS, label=bounds.part)
    redis, breaker = connect(settings.redis_url), RedisBreaker(observe=observe_redis)
    key_ring = make_key_ring(settings)
    positives = Positives(redis, key=key_ring.derive("positives"), breaker=breaker)
    pseudonyms = Pseudonyms(database, key_ring)
    writer = ListWriter(database=database, positives=positives)
    with aws_environment():
        session = following_session()
        ses = sesv2_client(settings.aws_region, pool=settings.ses_threads, read_timeout_s=bounds.ses_s, session=session)
    return Ground(
        database=database,
        redis=redis,
        to_be_asked=_to_be_asked(settings),
        breaker=breaker,
        key_ring=key_ring,
        links=Links(base=base_of_links(settings), keys=key_ring.derive_each("unsubscribe")),
        bells=Bells(make_celery(settings.broker_url), redis, breaker=breaker),
        positives=positives,
        list_writer=writer,
        pseudonyms=pseudonyms,
        address_tokens=AddressTokens(key_ring.derive_each("console addresses")),
        aws_session=session,
        ses=ses,
        account=account or SesAccount(ses, slot=CallSlots(redis, breaker=breaker)),
        observe_redis=observe_redis,
        timings=timings,
        write_timings=WriteTimings(database=database, timings=timings),
        workforce=Workforce(database=database),
        clock=DatabaseClock(database),
        bounces=build_bounce_reader(settings),
    )


@contextmanager
def aws_environment() -> Iterator[None]:
    """Raise `SettingsError` if clients cannot be made here: an unknown profile, half a key, an endpoint that is no URL.

    boto3 reads these variables and files itself. botocore raises a bare `ValueError` for an endpoint.
    """
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(f"AWS cannot be called: {error}. Correct the variable or the file.") from error


def _to_be_asked(settings: Settings) -> ToBeAsked:
    broker = redis_url(settings.broker_url)
    return {
        "redis": connect(settings.redis_url, patience_s=_PATIENCE_TO_ASK_S),
        "broker": connect(broker, patience_s=_PATIENCE_TO_ASK_S) if broker else None,
    }


def make_key_ring(settings: Settings) -> KeyRing:
    """The keys of the settings, the one that seals first."""
    return KeyRing([key.get_secret_value() for key in settings.secret_keys])


def base_of_links(settings: Settings) -> str | None:
    """PUBLIC_URL, if it is set. Its default is for trying out on one machine; no link that leaves may carry it."""
    return settings.public_url if "public_url" in settings.model_fields_set else None


def proxy() -> Proxy | None:
    """The proxy through which calls leave this host, but those to AWS. Raises `SettingsError`."""
    try:
        return Proxy.of_environment()
    except ValueError as error:
        raise SettingsError(f"Postern cannot start: {error}") from error
