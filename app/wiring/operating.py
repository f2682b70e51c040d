"""The area `operating`: upkeep, health, figures, incidents, pauses, key rotation, and database recovery."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import make_url

from app.aws.ses.mailer import TransportChoice
from app.aws.sqs.queue_url import parse_queue_url
from app.domain.message.address import InvalidAddress, parse_address
from app.services.account.quota import LastQuota
from app.services.account.sync_list import Sync
from app.services.apps.watch_budgets import WatchBudgets
from app.services.operating.alerts.channels import AlertChannels
from app.services.operating.alerts.silence import Silence
from app.services.operating.alerts.smtp_silence import SmtpSilence
from app.services.operating.alerts.watch import WatchAlerts
from app.services.operating.archive.archive import YOUNGEST, Archive
from app.services.operating.canary.watch import Canary, CanaryPlan
from app.services.operating.database_recovery import Restore
from app.services.operating.failover import Failover
from app.services.operating.health import Health
from app.services.operating.key_rotation import Rotation
from app.services.operating.local_ownership import LocalOwnership
from app.services.operating.metrics import Measure
from app.services.operating.overview.now import Overview
from app.services.operating.pause_lanes import PauseLanes
from app.services.operating.read_audit import ReadAudit
from app.services.operating.refusals import Refusals
from app.services.operating.retention import EmailRetention, Retention
from app.services.operating.triage import Triage
from app.services.operating.upkeep import Upkeep
from app.services.reporting.fold_counts import FoldCounts
from app.services.sending.unconfirmed import Reconcile
from app.services.suppression.review_bounces import Reviews
from app.services.suppression.unsuppress import Unsuppress
from app.store.engine.database import Database
from app.store.feedback.queue_positions import cursor_of
from app.wiring.feedback import pinned_certificate, signing_names
from app.wiring.foundation import Ground
from app.wiring.migrations import code_revisions
from app.wiring.webhooks import mail_server
from config import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Swept:
    """The services of other areas that upkeep calls."""

    unsuppress: Unsuppress
    reviews: Reviews
    sync: Sync
    reconcile: Reconcile


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingServices:
    """What this area offers."""

    upkeep: Upkeep
    archive: Archive
    health: Health
    measure: Measure
    overview: Overview
    triage: Triage
    pause_lanes: PauseLanes
    read_audit: ReadAudit
    restore: Restore
    failover: Failover
    rotation: Rotation
    alert_channels: AlertChannels


def build_operating(
    settings: Settings, ground: Ground, swept: Swept, transport: TransportChoice | None
) -> OperatingServices:
    """The services of operating; `transport` carries email to SES."""
    database = ground.database
    rotation = Rotation(database=database, key_ring=ground.key_ring, pseudonyms=ground.pseudonyms)
    health = _health(settings, ground, rotation, transport)
    measure = Measure(database=database, has_canary=settings.canary_minutes > 0)
    return OperatingServices(
        upkeep=_upkeep(settings, ground, swept),
        archive=Archive(database=database, youngest=youngest_archived(settings)),
        health=health,
        measure=measure,
        overview=Overview(
            database=database,
            measure=measure,
            health=health,
            last_quota=LastQuota(database=database),
            rate=settings.ses_max_send_rate,
        ),
        triage=Triage(database=database),
        pause_lanes=PauseLanes(database=database),
        read_audit=ReadAudit(database=database),
        restore=Restore(database=database, quiet=timedelta(seconds=settings.unconfirmed_quiet_seconds)),
        failover=Failover(database=database, standby=settings.postgres_failover),
        rotation=rotation,
        alert_channels=AlertChannels(
            database=database,
            key_ring=ground.key_ring,
            bells=ground.bells,
            plain_http=bool(settings.webhook_allowed_networks),
            has_mail_server=mail_server(settings) is not None,
        ),
    )


def local_ownership(database_url: str) -> LocalOwnership:
    """The service that marks the database of a gateway on this machine, before it is migrated."""
    url = make_url(database_url)
    file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    return LocalOwnership(database=Database(database_url, pool_size=1), file=file)


def _health(settings: Settings, ground: Ground, rotation: Rotation, transport: TransportChoice | None) -> Health:
    pinned = pinned_certificate(settings, ground)
    return Health(
        database=ground.database,
        rotation=rotation,
        code=code_revisions(),
        pinned=pinned.certificate if pinned else None,
        signing_names=signing_names(settings),
        queues={cursor_of(url, 0): parse_queue_url(url).name for url in settings.sqs_queue_urls},
        transport=transport,
        has_canary=settings.canary_minutes > 0,
        has_smtp=_has_smtp_door(settings),
        **ground.to_be_asked,
    )


def _has_smtp_door(settings: Settings) -> bool:
    return bool(settings.smtp_port or settings.smtp_tls_port)


def _retention(settings: Settings, ground: Ground) -> Retention:
    return Retention(
        database=ground.database,
        body_lasts=timedelta(hours=settings.body_retention_hours),
        notifications_last=timedelta(days=settings.feedback_retention_days),
    )


def emails_last(settings: Settings) -> timedelta | None:
    """How long emails are kept after they were accepted: as long as their bodies at least; None is for ever."""
    if not settings.email_retention_days:
        return None
    return max(timedelta(days=settings.email_retention_days), timedelta(hours=settings.body_retention_hours))


def youngest_archived(settings: Settings) -> timedelta:
    """How old an email is before it may be archived: links to unsubscribe work until then, and its body is erased."""
    return max(YOUNGEST, timedelta(hours=settings.body_retention_hours))


def _upkeep(settings: Settings, ground: Ground, swept: Swept) -> Upkeep:
    return Upkeep(
        database=ground.database,
        positives=ground.positives,
        bells=ground.bells,
        unsuppress=swept.unsuppress,
        sync=swept.sync,
        reconcile=swept.reconcile,
        reviews=swept.reviews,
        refusals=Refusals(database=ground.database),
        silence=Silence(database=ground.database),
        smtp_silence=SmtpSilence(database=ground.database, has_door=_has_smtp_door(settings)),
        alerts=WatchAlerts(database=ground.database),
        fold_counts=FoldCounts(database=ground.database),
        watch_budgets=WatchBudgets(database=ground.database),
        canary=_canary(settings, ground, swept.reconcile),
        retention=_retention(settings, ground),
        email_retention=EmailRetention(database=ground.database, lasts=emails_last(settings)),
    )


def _canary(settings: Settings, ground: Ground, reconcile: Reconcile) -> Canary:
    return Canary(
        database=ground.database,
        key_ring=ground.key_ring,
        bells=ground.bells,
        reconcile=reconcile,
        plan=_canary_plan(settings) if settings.canary_minutes else None,
    )


def _canary_plan(settings: Settings) -> CanaryPlan:
    """Raises `SettingsError` if CANARY_FROM is no address."""
    try:
        sender = parse_address(settings.canary_from)
    except InvalidAddress as error:
        raise SettingsError(f"Postern cannot start: CANARY_FROM: {error}") from error
    return CanaryPlan(
        every=timedelta(minutes=settings.canary_minutes),
        within=timedelta(seconds=settings.canary_within_seconds),
        sender=sender.email,
        sender_domain=sender.domain,
        pauses_bulk=settings.canary_pauses_bulk,
    )
