"""The area `sending`: delivery, unknown outcomes, crash recovery, and the transport to SES."""

from dataclasses import dataclass
from datetime import timedelta

from app.aws.clients import READ_TIMEOUT_S
from app.aws.ses.early_mailer import FastMailer
from app.aws.ses.fast_client import NeedsBoto3, fast_client
from app.aws.ses.mailer import EarlyMailer, Mailer, SesMailer, TransportChoice
from app.services.account.quota import LastQuota
from app.services.sending.account_rate import AccountRate
from app.services.sending.call_pools import Calls, CallsOnThreads, EarlyCalls
from app.services.sending.call_ses import Call, CallParts
from app.services.sending.crash_recovery import Recover
from app.services.sending.deliver import Deliver, DrainParts, Limits
from app.services.sending.last_look import LastLook
from app.services.sending.record import Record
from app.services.sending.unconfirmed import Reconcile
from app.store.engine.redis import RedisBreaker, connect
from app.store.sending.flight_recorder import FlightRecorder
from app.store.sending.send_rate import Pace
from app.wiring.foundation import Ground
from config import SesTransport, Settings, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingServices:
    """What this area offers. `transport` is None where something else stands in for SES."""

    transport: TransportChoice | None
    deliver: Deliver
    reconcile: Reconcile
    recover: Recover


def build_sending(settings: Settings, ground: Ground, mailer: Mailer | None) -> SendingServices:
    """The services of sending; `mailer` replaces SES itself."""
    quiet = timedelta(seconds=settings.unconfirmed_quiet_seconds)
    transport = None
    if mailer is None:
        mailer, transport = _ses_mailer(settings, ground)
    return SendingServices(
        transport=transport,
        deliver=Deliver(_parts(settings, ground, mailer)),
        reconcile=Reconcile(database=ground.database, key_ring=ground.key_ring, bells=ground.bells, quiet=quiet),
        recover=Recover(database=ground.database, record=_record(settings, ground), directory=settings.flight_dir),
    )


def _parts(settings: Settings, ground: Ground, mailer: Mailer) -> DrainParts:
    # A late look-up is answered by SQL. A late grant has no second source, so it may take longer.
    pacer = connect(settings.redis_url, patience_s=0.25)
    pace = Pace(pacer, breaker=RedisBreaker(observe=ground.observe_redis), workers=ground.workforce.count)
    recorder = FlightRecorder(settings.flight_dir)
    look = LastLook(ground.database)
    parts = CallParts(
        last_look=look, mailer=mailer, pace=pace, recorder=recorder, lease=settings.lease, timings=ground.timings
    )
    return DrainParts(
        database=ground.database,
        key_ring=ground.key_ring,
        links=ground.links,
        calls=_calls(settings, Call(parts), mailer),
        recorder=recorder,
        record=_record(settings, ground),
        pace=pace,
        rate=AccountRate(
            account=ground.account,
            note=LastQuota(database=ground.database).note,
            fixed=settings.ses_max_send_rate,
        ),
        bells=ground.bells,
        limits=Limits(threads=settings.ses_threads, batch=settings.claim_batch, lease=settings.lease),
    )


def _calls(settings: Settings, call: Call, mailer: Mailer) -> Calls:
    if isinstance(mailer, EarlyMailer):
        return EarlyCalls(call, mailer, threads=settings.ses_threads, patience_s=READ_TIMEOUT_S)
    return CallsOnThreads(call, threads=settings.ses_threads)


def _record(settings: Settings, ground: Ground) -> Record:
    return Record(database=ground.database, max_attempts=settings.max_attempts)


def _ses_mailer(settings: Settings, ground: Ground) -> tuple[SesMailer, TransportChoice]:
    """SES by the transport of the settings, or by that of the environment. Raises `SettingsError`."""
    configuration_set = settings.ses_configuration_set or None
    wanted, why = settings.ses_transport, "SES_TRANSPORT says so"
    if wanted is not SesTransport.BOTO3:
        try:
            client = fast_client(settings.aws_region, clock=ground.clock, session=ground.aws_session)
        except NeedsBoto3 as error:
            if wanted is SesTransport.FAST:
                raise SettingsError(f"SES_TRANSPORT: `fast` cannot be used: {error}. Set `auto` or `boto3`.") from error
            why = str(error)
        else:
            why = why if wanted is SesTransport.FAST else "nothing here asks for boto3"
            return FastMailer(client, configuration_set=configuration_set), TransportChoice("fast", why)
    return SesMailer(ground.ses, configuration_set=configuration_set), TransportChoice("boto3", why)
