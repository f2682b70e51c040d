"""The one place where objects meet: from `Settings` to a `Gateway`. It decides nothing else and runs nothing."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from redis import Redis

from app.aws.certificate_cache import FetchedCertificates, HttpsCertificateSource
from app.aws.certificates import Certificates, PinnedCertificate
from app.aws.clients import READ_TIMEOUT_S, sns_client
from app.aws.ses import EarlyMailer, Mailer, SesMailer
from app.aws.ses_early import FastMailer
from app.aws.ses_fast import BehindAProxy, fast_client
from app.aws.sns import SnsVerifier, SubscriptionConfirmer
from app.ground import Ground, lay
from app.services.accept import Accept
from app.services.authenticate import Authenticate
from app.services.call import Call
from app.services.calls import Calls, CallsOnThreads, EarlyCalls
from app.services.check import Check
from app.services.conclude import Conclude
from app.services.deliver import Deliver, Limits, Parts
from app.services.explain import Explain
from app.services.export_list import ExportList
from app.services.forget import Forget
from app.services.health import Health
from app.services.import_list import ImportList
from app.services.issue_keys import IssueKeys
from app.services.last_look import LastLook
from app.services.look_up import LookUp
from app.services.mail_hosts import MailHosts, SystemDns
from app.services.naming import Naming
from app.services.receive import Receive
from app.services.reconcile import Reconcile
from app.services.record import Record
from app.services.recover import Recover
from app.services.restore import Restore
from app.services.reviews import Reviews
from app.services.revise import Revise
from app.services.send_rate import SendRate
from app.services.settle import Settle
from app.services.streams import Streams
from app.services.suppress import Suppress
from app.services.sync import Sync
from app.services.undo import Undo
from app.services.unname import Unname
from app.services.unsubscribe import Unsubscribe
from app.services.upkeep import Upkeep
from app.services.workforce import Workforce
from app.store.clock import DatabaseClock
from app.store.db import Database
from app.store.flight import FlightRecorder
from app.store.pace import Pace
from app.store.positives import Positives
from app.store.pseudonyms import Pseudonyms
from app.store.redis import Breaker, connect
from config import SesTransport, Settings, SettingsError

_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything that Postern does, ready to be asked.

    `receive` is None where no topic is configured: only the web needs it.
    """

    settings: Settings
    database: Database
    redis: Redis
    positives: Positives
    pseudonyms: Pseudonyms
    authenticate: Authenticate
    accept: Accept
    check: Check
    look_up: LookUp
    revise: Revise
    suppress: Suppress
    import_list: ImportList
    export_list: ExportList
    undo: Undo
    reviews: Reviews
    sync: Sync
    streams: Streams
    unsubscribe: Unsubscribe
    explain: Explain
    forget: Forget
    receive: Receive | None
    deliver: Deliver
    settle: Settle
    upkeep: Upkeep
    workforce: Workforce
    issue_keys: IssueKeys
    reconcile: Reconcile
    recover: Recover
    restore: Restore
    health: Health

    def close(self) -> None:
        """Finish what is on the wire and give all connections back."""
        self.check.close()
        self.deliver.close()
        self.database.close()
        self.redis.close()


def build(settings: Settings, *, mailer: Mailer | None = None) -> Gateway:
    """The gateway of this process, on SES itself unless it is given another mailer.

    It connects to nothing yet; make one per process, after forking.
    """
    ground = lay(settings)
    database, key_ring, bells, positives = ground.database, ground.key_ring, ground.bells, ground.positives
    naming = Naming(ground.pseudonyms)
    suppress = Suppress(database=database, positives=positives, naming=naming, account=ground.account)
    sync = _sync(settings, ground)
    quiet = timedelta(seconds=settings.unconfirmed_quiet_seconds)
    reconcile = Reconcile(database=database, key_ring=key_ring, bells=bells, quiet=quiet)
    return Gateway(
        settings=settings,
        database=database,
        redis=ground.redis,
        positives=positives,
        pseudonyms=ground.pseudonyms,
        authenticate=Authenticate(database=database),
        accept=_accept(settings, ground),
        check=_check(settings, ground),
        look_up=LookUp(database=database, key_ring=key_ring),
        revise=Revise(database=database, bells=bells),
        suppress=suppress,
        sync=sync,
        undo=Undo(database=database, positives=positives, naming=naming),
        reviews=ground.reviews,
        streams=Streams(database=database, links=ground.links),
        unsubscribe=Unsubscribe(database=database, positives=positives, links=ground.links),
        explain=_explain(ground),
        forget=_forget(ground),
        import_list=_import_list(settings, ground),
        export_list=ExportList(database=database),
        receive=_receive(settings, ground),
        deliver=Deliver(_parts(settings, ground, mailer or _ses_mailer(settings, ground))),
        settle=_settle(settings, ground),
        upkeep=_upkeep(settings, ground, suppress, sync, reconcile),
        workforce=ground.workforce,
        issue_keys=IssueKeys(database=database),
        reconcile=reconcile,
        recover=Recover(database=database, record=_record(settings, ground), directory=settings.flight_dir),
        restore=Restore(database=database, quiet=quiet),
        health=Health(database=database, redis=ground.redis, head_revision=head_revision()),
    )


def alembic_config(database_url: str) -> Config:
    """How alembic is to migrate this database; the same for the command line, the tests and `alembic` itself."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config


def head_revision() -> str | None:
    """The revision that this code expects the database to be at."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


def _accept(settings: Settings, ground: Ground) -> Accept:
    return Accept(
        database=ground.database,
        key_ring=ground.key_ring,
        gate=ground.gate,
        pseudonyms=ground.pseudonyms,
        bells=ground.bells,
        clock=ground.clock,
        max_recipients=settings.max_recipients,
        idempotency_lasts=timedelta(hours=settings.idempotency_hours),
    )


def _check(settings: Settings, ground: Ground) -> Check:
    return Check(gate=ground.gate, mail_hosts=MailHosts(SystemDns()) if settings.check_mx else None)


def _explain(ground: Ground) -> Explain:
    return Explain(database=ground.database, pseudonyms=ground.pseudonyms, account=ground.account)


def _forget(ground: Ground) -> Forget:
    return Forget(
        database=ground.database,
        positives=ground.positives,
        pseudonyms=ground.pseudonyms,
        account=ground.account,
    )


def _parts(settings: Settings, ground: Ground, mailer: Mailer) -> Parts:
    # A look-up that is late is answered by SQL; a grant that is late has no second source, so it may take its time.
    pacer = connect(settings.redis_url, patience_s=0.25)
    pace = Pace(pacer, breaker=Breaker(), workers=ground.workforce.count)
    recorder = FlightRecorder(settings.flight_dir)
    look = LastLook(ground.database)
    call = Call(last_look=look, mailer=mailer, pace=pace, recorder=recorder, lease=settings.lease)
    return Parts(
        database=ground.database,
        key_ring=ground.key_ring,
        links=ground.links,
        calls=_calls(settings, call, mailer),
        recorder=recorder,
        record=_record(settings, ground),
        pace=pace,
        rate=SendRate(account=ground.account, fixed=settings.ses_max_send_rate),
        bells=ground.bells,
        limits=Limits(threads=settings.ses_threads, batch=settings.claim_batch, lease=settings.lease),
    )


def _calls(settings: Settings, call: Call, mailer: Mailer) -> Calls:
    if isinstance(mailer, EarlyMailer):
        return EarlyCalls(call, mailer, threads=settings.ses_threads, patience_s=READ_TIMEOUT_S)
    return CallsOnThreads(call, threads=settings.ses_threads)


def _record(settings: Settings, ground: Ground) -> Record:
    return Record(database=ground.database, max_attempts=settings.max_attempts)


def _import_list(settings: Settings, ground: Ground) -> ImportList:
    return ImportList(
        database=ground.database,
        positives=ground.positives,
        pseudonyms=ground.pseudonyms,
        exempt_mailbox_simulator=settings.exempt_mailbox_simulator,
    )


def _settle(settings: Settings, ground: Ground) -> Settle:
    exempt = settings.exempt_mailbox_simulator
    return Settle(
        database=ground.database,
        conclude=Conclude(positives=ground.positives, exempt_mailbox_simulator=exempt),
        unname=Unname(ground.pseudonyms),
        bells=ground.bells,
    )


def _sync(settings: Settings, ground: Ground) -> Sync:
    return Sync(
        database=ground.database,
        positives=ground.positives,
        pseudonyms=ground.pseudonyms,
        account=ground.account,
        exempt_mailbox_simulator=settings.exempt_mailbox_simulator,
        mode=settings.ses_list_sync,
    )


def _upkeep(settings: Settings, ground: Ground, suppress: Suppress, sync: Sync, reconcile: Reconcile) -> Upkeep:
    return Upkeep(
        database=ground.database,
        positives=ground.positives,
        bells=ground.bells,
        suppress=suppress,
        sync=sync,
        reconcile=reconcile,
        reviews=ground.reviews,
        body_lasts=timedelta(hours=settings.body_retention_hours),
        feedback_lasts=timedelta(days=settings.feedback_retention_days),
    )


def _ses_mailer(settings: Settings, ground: Ground) -> SesMailer:
    configuration_set = settings.ses_configuration_set or None
    if settings.ses_transport is SesTransport.BOTO3:
        return SesMailer(ground.ses, configuration_set=configuration_set)
    try:
        return FastMailer(fast_client(settings.aws_region, clock=ground.clock), configuration_set=configuration_set)
    except BehindAProxy as error:
        raise SettingsError(
            "SES_TRANSPORT: `fast` goes through no proxy, and the environment names one for SES; set `boto3`, or list "
            "the host of SES in NO_PROXY."
        ) from error


def _receive(settings: Settings, ground: Ground) -> Receive | None:
    if not settings.sns_topic_arns:
        return None
    verifier = SnsVerifier(
        topic_arns=frozenset(settings.sns_topic_arns),
        certificates=_certificates(settings, ground.clock),
        minimum_version=settings.sns_signature_version,
        clock=ground.clock,
    )
    return Receive(
        database=ground.database,
        verifier=verifier,
        confirmer=SubscriptionConfirmer(clients=sns_client),
        bells=ground.bells,
    )


def _certificates(settings: Settings, clock: DatabaseClock) -> Certificates:
    if settings.sns_pinned_certificate is not None:
        return PinnedCertificate(settings.sns_pinned_certificate.read_bytes(), clock=clock)
    return FetchedCertificates(source=HttpsCertificateSource(), clock=clock)
