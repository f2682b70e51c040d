"""The simulator as a whole: its parts put together, listening, in this process's loop or in a thread of its own."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from simulator.account import Account
from simulator.behaviours import Behaviours
from simulator.configuration_sets import ConfigurationSets
from simulator.control import Control
from simulator.errands import Errands
from simulator.event_stream import EventStream, Surroundings
from simulator.faults import Faults
from simulator.front import Front
from simulator.http_client import HttpPoster
from simulator.http_server import HttpServer
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
from simulator.sns_signing import CERTIFICATE_FILE, Signer
from simulator.sns_topics import Topics
from simulator.suppression import SuppressionList
from simulator.timestamps import utc_now

LEDGER_FILE = "ledger.jsonl"
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What outlives a request: the front door and all that has to be closed."""

    front: Front
    ledger: Ledger
    errands: Errands
    poster: HttpPoster


def build(options: Options) -> Parts:
    """Return the parts of a simulator, with the signing certificate and the ledger in `options.data`."""
    options.data.mkdir(parents=True, exist_ok=True)
    dice = random.Random(options.seed)
    started = time.monotonic()
    errands, poster, faults = Errands(), HttpPoster(), Faults(dice)
    inbox, behaviours, sets = Inbox(), Behaviours(), ConfigurationSets()
    suppression, topics = SuppressionList(), Topics(region=options.region, account_id=options.account_id)
    ledger = Ledger(options.data / LEDGER_FILE, options.ledger_sync)
    account = Account(
        rate=SendRate(options.max_send_rate, started),
        quota=DailyQuota(options.max_24h),
        enforce_identities=options.enforce_identities,
    )
    courier = Courier(poster=poster, errands=errands, timeout=options.delivery_timeout, clock=utc_now)
    publisher = Publisher(
        topics=topics,
        signer=Signer(options.data, region=options.region, now=utc_now()),
        courier=courier,
        region=options.region,
        retry_delay=options.retry_delay,
        clock=utc_now,
    )
    surroundings = Surroundings(
        account=account,
        behaviours=behaviours,
        configuration_sets=sets,
        suppression=suppression,
        inbox=inbox,
        publisher=publisher,
        errands=errands,
        region=options.region,
        account_id=options.account_id,
    )
    stream = EventStream(surroundings, delay=options.event_delay, dice=dice, clock=utc_now)
    sending = Sending(
        account=account,
        configuration_sets=sets,
        inbox=inbox,
        ledger=ledger,
        stream=stream,
        region=options.region,
        latency=options.latency,
        clock=utc_now,
    )
    account_api = AccountApi(account=account, suppression=suppression, clock=utc_now)
    setup_api = SetupApi(account=account, configuration_sets=sets, publisher=publisher)
    control = Control(
        account=account,
        behaviours=behaviours,
        courier=courier,
        errands=errands,
        faults=faults,
        inbox=inbox,
        ledger=ledger,
        publisher=publisher,
        stream=stream,
        topics=topics,
    )
    front = Front(
        ses=[*sending.routes(), *account_api.routes(), *setup_api.routes()],
        control=[*control.routes(), *InboxPages(inbox=inbox, ledger=ledger).routes()],
        sns=SnsApi(topics=topics, publisher=publisher, account_id=options.account_id).answer,
        faults=faults,
        api_rate=SendRate(options.api_rate, started) if options.api_rate else None,
        monotonic=time.monotonic,
    )
    return Parts(front=front, ledger=ledger, errands=errands, poster=poster)


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[int]:
    """Run a simulator in the current loop and yield the port on which it listens. Raises OSError when it cannot."""
    parts = build(options)
    server = HttpServer(parts.front.answer)
    try:
        port = await server.listen(options.host, options.port)
        writing = asyncio.get_running_loop().create_task(parts.ledger.write_groups())
        try:
            yield port
        finally:
            await server.close()
            await parts.errands.cancel()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
    finally:
        parts.poster.close()
        parts.ledger.close()


class Simulator:
    """A simulator in a thread of its own, for tests: `with Simulator(Options(data=path)) as simulator: …`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.port = 0
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._listening = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    @property
    def url(self) -> str:
        """The endpoint for boto3, SES and SNS alike."""
        return f"http://{self.options.host}:{self.port}"

    @property
    def certificate_path(self) -> Path:
        """The PEM file of the certificate with which notifications are signed."""
        return self.options.data / CERTIFICATE_FILE

    @property
    def ledger_path(self) -> Path:
        """The ledger, one JSON object per line."""
        return self.options.data / LEDGER_FILE

    def start(self) -> "Simulator":
        """Return once it listens. Raises what kept it from listening."""
        self._thread.start()
        if not self._listening.wait(START_SECONDS):
            raise TimeoutError("the simulator does not start")
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop listening, end what is under way, close the ledger."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def __enter__(self) -> "Simulator":
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            self._failure = failure
            self._listening.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with running(self.options) as self.port:
            self._listening.set()
            await self._stopping.wait()
