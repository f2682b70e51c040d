"""Where the parts of a simulator meet: the one place that makes them."""

import random
import time
from dataclasses import dataclass

from simulator.account import Account
from simulator.behaviours import Behaviours
from simulator.calls import Route
from simulator.configuration_sets import ConfigurationSets
from simulator.control import Control
from simulator.errands import Errands
from simulator.event_stream import EventStream, Surroundings
from simulator.faults import Faults
from simulator.front import Front
from simulator.http_client import HttpPoster
from simulator.inbox import Inbox
from simulator.inbox_page import InboxPages
from simulator.ledger import Ledger
from simulator.options import Options
from simulator.quota import DailyQuota, SendRate
from simulator.ses_account import AccountApi
from simulator.ses_sending import Sending
from simulator.ses_setup import SetupApi
from simulator.sns_api import SnsApi
from simulator.sns_delivery import Courier
from simulator.sns_publisher import Publisher
from simulator.sns_signing import Signer
from simulator.sns_topics import Topics
from simulator.suppression import SuppressionList
from simulator.timestamps import utc_now

LEDGER_FILE = "ledger.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What outlives a request: the front door and all that has to be closed."""

    front: Front
    ledger: Ledger
    errands: Errands
    poster: HttpPoster


@dataclass(frozen=True, slots=True, kw_only=True)
class Sns:
    """The SNS side: topics, and what carries their messages."""

    topics: Topics
    courier: Courier
    publisher: Publisher


def build(options: Options) -> Parts:
    """Return the parts of a simulator, with the signing certificate and the ledger in `options.data`."""
    options.data.mkdir(parents=True, exist_ok=True)
    dice = random.Random(options.seed)
    errands, poster, faults = Errands(), HttpPoster(), Faults(dice)
    ledger = Ledger(options.data / LEDGER_FILE, options.ledger_sync)
    sns = _sns(options, errands, poster)
    here = _surroundings(options, errands, sns.publisher)
    stream = EventStream(here, delay=options.event_delay, dice=dice, clock=utc_now)
    control = Control(
        account=here.account,
        behaviours=here.behaviours,
        courier=sns.courier,
        errands=errands,
        faults=faults,
        inbox=here.inbox,
        ledger=ledger,
        publisher=sns.publisher,
        stream=stream,
        suppression=here.suppression,
        topics=sns.topics,
    )
    front = Front(
        ses=_ses_routes(options, here, stream, ledger),
        control=[*control.routes(), *InboxPages(inbox=here.inbox, ledger=ledger).routes()],
        sns=SnsApi(topics=sns.topics, publisher=sns.publisher, account_id=options.account_id, clock=utc_now).answer,
        faults=faults,
        api_rate=SendRate(options.api_rate, time.monotonic()) if options.api_rate else None,
        monotonic=time.monotonic,
        clock=utc_now,
    )
    return Parts(front=front, ledger=ledger, errands=errands, poster=poster)


def _sns(options: Options, errands: Errands, poster: HttpPoster) -> Sns:
    topics = Topics(region=options.region, account_id=options.account_id)
    courier = Courier(poster=poster, errands=errands, timeout=options.delivery_timeout, clock=utc_now)
    publisher = Publisher(
        topics=topics,
        signer=Signer(options.data, region=options.region, now=utc_now()),
        courier=courier,
        region=options.region,
        retry_delay=options.retry_delay,
        clock=utc_now,
    )
    return Sns(topics=topics, courier=courier, publisher=publisher)


def _surroundings(options: Options, errands: Errands, publisher: Publisher) -> Surroundings:
    account = Account(
        rate=SendRate(options.max_send_rate, time.monotonic()),
        quota=DailyQuota(options.max_24h),
        enforce_identities=options.enforce_identities,
        production_access=options.production_access,
    )
    return Surroundings(
        account=account,
        behaviours=Behaviours(),
        configuration_sets=ConfigurationSets(),
        suppression=SuppressionList(),
        inbox=Inbox(),
        publisher=publisher,
        errands=errands,
        region=options.region,
        account_id=options.account_id,
    )


def _ses_routes(options: Options, here: Surroundings, stream: EventStream, ledger: Ledger) -> list[Route]:
    sending = Sending(
        account=here.account,
        configuration_sets=here.configuration_sets,
        inbox=here.inbox,
        ledger=ledger,
        stream=stream,
        region=options.region,
        latency=options.latency,
        clock=utc_now,
    )
    account = AccountApi(account=here.account, suppression=here.suppression, clock=utc_now)
    setup = SetupApi(account=here.account, configuration_sets=here.configuration_sets, publisher=here.publisher)
    return [*sending.routes(), *account.routes(), *setup.routes()]
