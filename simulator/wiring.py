"""The one place that builds the parts of a simulator and connects them."""

import random
import time
from dataclasses import dataclass

from simulator.control.account_control import AccountControl
from simulator.control.consistency import Consistency
from simulator.control.control import Control
from simulator.control.inbox import Inbox
from simulator.control.inbox_page import InboxPages
from simulator.control.resources import Resources
from simulator.events.background_work import BackgroundWork
from simulator.events.event_stream import EventStream, Surroundings
from simulator.events.mailbox_behaviours import Behaviours
from simulator.http.calls import Route
from simulator.http.client import HttpPoster
from simulator.http.faults import Faults
from simulator.http.front import Front
from simulator.iam.denials import Denials
from simulator.iam.sts import StsApi
from simulator.options import Options
from simulator.ses.account import Account
from simulator.ses.account_api import AccountApi
from simulator.ses.configuration_set_api import ConfigurationSetApi
from simulator.ses.configuration_sets import ConfigurationSets
from simulator.ses.identities import Identities
from simulator.ses.identity_api import IdentityApi
from simulator.ses.ledger import Ledger
from simulator.ses.quota import DailyQuota, SendRate
from simulator.ses.sending_api import Sending
from simulator.ses.suppression import SuppressionList
from simulator.ses.tag_api import TagApi
from simulator.sns.api import SnsApi
from simulator.sns.delivery import Courier
from simulator.sns.publisher import Publisher
from simulator.sns.queue_delivery import QueueDelivery
from simulator.sns.signing import Signer
from simulator.sns.subscription_calls import SubscriptionCalls
from simulator.sns.topic_calls import TopicCalls
from simulator.sns.topics import Topics
from simulator.sqs.api import SqsApi
from simulator.sqs.message_calls import MessageCalls
from simulator.sqs.queue_calls import QueueCalls
from simulator.sqs.queues import Queues
from simulator.timestamps import utc_now
from simulator.webhooks.receiver_api import ReceiverApi
from simulator.webhooks.receiver_pages import ReceiverPages
from simulator.webhooks.receivers import Receivers

LEDGER_FILE = "ledger.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that outlive a request: the entry point, and everything that has to be closed."""

    front: Front
    ledger: Ledger
    background_work: BackgroundWork
    poster: HttpPoster


@dataclass(frozen=True, slots=True, kw_only=True)
class Sns:
    """The SNS side: topics, and the courier that delivers their messages."""

    topics: Topics
    courier: Courier
    publisher: Publisher


def build(options: Options) -> Parts:
    """Return the parts of a simulator, with the signing certificate and the ledger in `options.data`."""
    options.data.mkdir(parents=True, exist_ok=True)
    dice = random.Random(options.seed)
    background_work, poster, faults = BackgroundWork(), HttpPoster(), Faults(dice)
    ledger = Ledger(options.data / LEDGER_FILE, options.ledger_sync)
    consistency = Consistency(time.monotonic)
    place = {"region": options.region, "account_id": options.account_id}
    queues = Queues(**place, consistency=consistency, clock=time.time)
    sns = _sns(options, background_work, poster, queues, Topics(**place, consistency=consistency))
    here = _surroundings(options, background_work, sns.publisher, consistency)
    stream = EventStream(here, delay=options.event_delay, dice=dice, clock=utc_now)
    control = Control(
        account=here.account,
        behaviours=here.behaviours,
        courier=sns.courier,
        background_work=background_work,
        faults=faults,
        inbox=here.inbox,
        ledger=ledger,
        publisher=sns.publisher,
        stream=stream,
        suppression=here.suppression,
        topics=sns.topics,
    )
    denials = Denials(**place)
    front = Front(
        ses=_ses_routes(options, here, stream, ledger),
        control=[
            *control.routes(),
            *AccountControl(resources=_resources(here, sns.topics, queues), consistency=consistency).routes(),
            *InboxPages(inbox=here.inbox, ledger=ledger, behaviours=here.behaviours).routes(),
            *_webhook_routes(dice),
        ],
        services={
            "sns": _sns_api(options, sns, denials),
            "sqs": _sqs_api(options, queues, denials),
            "sts": StsApi(**place, denials=denials, clock=utc_now),
        },
        denials=denials,
        faults=faults,
        api_rate=SendRate(options.api_rate, time.monotonic()) if options.api_rate else None,
        monotonic=time.monotonic,
        clock=utc_now,
    )
    return Parts(front=front, ledger=ledger, background_work=background_work, poster=poster)


def _sns(options: Options, background_work: BackgroundWork, poster: HttpPoster, queues: Queues, topics: Topics) -> Sns:
    courier = Courier(
        poster=poster,
        queues=QueueDelivery(queues=queues, account_id=options.account_id),
        background_work=background_work,
        timeout=options.delivery_timeout,
        clock=utc_now,
    )
    publisher = Publisher(
        topics=topics,
        signer=Signer(options.data, region=options.region, now=utc_now()),
        courier=courier,
        region=options.region,
        account_id=options.account_id,
        retry_delay=options.retry_delay,
        clock=utc_now,
    )
    return Sns(topics=topics, courier=courier, publisher=publisher)


def _sns_api(options: Options, sns: Sns, denials: Denials) -> SnsApi:
    region, account_id = options.region, options.account_id
    return SnsApi(
        about_topics=TopicCalls(topics=sns.topics, account_id=account_id),
        about_subscriptions=SubscriptionCalls(
            topics=sns.topics, publisher=sns.publisher, region=region, account_id=account_id
        ),
        publisher=sns.publisher,
        denials=denials,
        clock=utc_now,
    )


def _sqs_api(options: Options, queues: Queues, denials: Denials) -> SqsApi:
    return SqsApi(
        queues=queues,
        about_queues=QueueCalls(queues=queues, account_id=options.account_id),
        about_messages=MessageCalls(queues=queues, sender_id=options.account_id),
        denials=denials,
        clock=utc_now,
    )


def _surroundings(
    options: Options, background_work: BackgroundWork, publisher: Publisher, consistency: Consistency
) -> Surroundings:
    account = Account(
        rate=SendRate(options.max_send_rate, time.monotonic()),
        quota=DailyQuota(options.max_24h),
        identities=Identities(consistency),
        enforce_identities=options.enforce_identities,
        production_access=options.production_access,
    )
    return Surroundings(
        account=account,
        behaviours=Behaviours(),
        configuration_sets=ConfigurationSets(consistency),
        suppression=SuppressionList(),
        inbox=Inbox(),
        publisher=publisher,
        background_work=background_work,
        region=options.region,
        account_id=options.account_id,
    )


def _resources(here: Surroundings, topics: Topics, queues: Queues) -> Resources:
    return Resources(account=here.account, configuration_sets=here.configuration_sets, topics=topics, queues=queues)


def _webhook_routes(dice: random.Random) -> list[Route]:
    receivers = Receivers()
    api = ReceiverApi(receivers=receivers, dice=dice, clock=utc_now)
    return [*api.routes(), *ReceiverPages(receivers=receivers).routes()]


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
    identities, configuration_sets = here.account.identities, here.configuration_sets
    place = {"region": options.region, "account_id": options.account_id}
    return [
        *sending.routes(),
        *account.routes(),
        *ConfigurationSetApi(configuration_sets=configuration_sets, publisher=here.publisher, **place).routes(),
        *IdentityApi(identities=identities, configuration_sets=configuration_sets).routes(),
        *TagApi(identities=identities, configuration_sets=configuration_sets, **place).routes(),
    ]
