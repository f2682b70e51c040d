"""From `Settings` to a `Gateway`: the builders of the areas, called in order. It decides nothing and runs nothing."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from redis import Redis

from app.aws.ses.account import SesAccount
from app.aws.ses.mailer import Mailer, TransportChoice
from app.domain.apps.doors import Doors
from app.services.account.quota import LastQuota
from app.services.account.sync_list import Sync
from app.services.apps.apps import Apps
from app.services.apps.authenticate import Authenticate
from app.services.apps.authenticate_sigv4 import AuthenticateSigV4
from app.services.apps.budgets import Budgets
from app.services.apps.issue_keys import IssueKeys
from app.services.apps.standing import ReadStanding
from app.services.apps.streams import Streams
from app.services.feedback.bounce_review import BounceReview
from app.services.feedback.queues.intake import QueueIntake
from app.services.feedback.queues.redrive import Redrive
from app.services.feedback.queues.retry_refused import RetryRefused
from app.services.feedback.receive import Receive
from app.services.feedback.settle import Settle
from app.services.operating.alerts.channels import AlertChannels
from app.services.operating.archive.archive import Archive
from app.services.operating.database_recovery import Restore
from app.services.operating.doctor.report import LastReport
from app.services.operating.failover import Failover
from app.services.operating.health import Health
from app.services.operating.key_rotation import Rotation
from app.services.operating.metrics import Measure
from app.services.operating.overview.now import Overview
from app.services.operating.pause_lanes import PauseLanes
from app.services.operating.read_audit import ReadAudit
from app.services.operating.triage import Triage
from app.services.operating.upkeep import Upkeep
from app.services.operating.workers import Workforce
from app.services.privacy.forget import Forget
from app.services.sending.crash_recovery import Recover
from app.services.sending.deliver import Deliver
from app.services.sending.unconfirmed import Reconcile
from app.services.submission.accept import Accept
from app.services.submission.change import Revise
from app.services.submission.check import Check
from app.services.submission.doors.smtp_door import SmtpDoor
from app.services.submission.doors.submit_once import SubmitOnce
from app.services.submission.doors.submit_raw import SubmitRaw
from app.services.submission.doors.vet_recipient import VetRecipient
from app.services.submission.look_up import LookUp
from app.services.submission.resend_failed import ResendFailed
from app.services.submission.sources import Sources
from app.services.suppression.browse import Browse
from app.services.suppression.explanation.explain import Explain
from app.services.suppression.files.export_list import ExportList
from app.services.suppression.files.import_list import ImportList
from app.services.suppression.list_writer import ListWriter
from app.services.suppression.review_bounces import Reviews
from app.services.suppression.suppress import Suppress
from app.services.suppression.undo_removal import Undo
from app.services.suppression.unsubscribe import Unsubscribe
from app.services.suppression.unsuppress import Unsuppress
from app.services.timings import WriteTimings
from app.store.engine.database import Database
from app.store.privacy.address_tokens import AddressTokens
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.suppression.positive_cache import Positives
from app.wiring.account import build_sync
from app.wiring.apps import UserServices, build_apps, build_users
from app.wiring.feedback import build_feedback
from app.wiring.foundation import WORKERS, Bounds, Ground, lay
from app.wiring.operating import Swept, build_operating
from app.wiring.reporting import ReportingServices, build_reporting
from app.wiring.sending import build_sending
from app.wiring.submission import build_submission
from app.wiring.suppression import build_suppression
from app.wiring.webhooks import WebhookServices, build_webhooks
from config import Settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """All services of Postern.

    `receive` is None where no topic is configured, and `queue_intakes` are of use to a worker only.
    """

    settings: Settings
    database: Database
    redis: Redis
    positives: Positives
    list_writer: ListWriter
    pseudonyms: Pseudonyms
    address_tokens: AddressTokens
    authenticate: Authenticate
    authenticate_sigv4: AuthenticateSigV4
    accept: Accept
    check: Check
    look_up: LookUp
    revise: Revise
    browse: Browse
    suppress: Suppress
    unsuppress: Unsuppress
    import_list: ImportList
    export_list: ExportList
    undo: Undo
    reviews: Reviews
    sync: Sync
    last_quota: LastQuota
    last_report: LastReport
    streams: Streams
    standing: ReadStanding
    budgets: Budgets
    unsubscribe: Unsubscribe
    explain: Explain
    forget: Forget
    receive: Receive | None
    queue_intakes: tuple[QueueIntake, ...]
    redrive: Redrive
    retry_refused: RetryRefused
    transport: TransportChoice | None
    deliver: Deliver
    settle: Settle
    bounce_review: BounceReview
    upkeep: Upkeep
    archive: Archive
    workforce: Workforce
    write_timings: WriteTimings
    apps: Apps
    issue_keys: IssueKeys
    doors: Doors
    reconcile: Reconcile
    resend_failed: ResendFailed
    sources: Sources
    vet_recipient: VetRecipient
    submit_raw: SubmitRaw
    submit_once: SubmitOnce
    recover: Recover
    restore: Restore
    failover: Failover
    rotation: Rotation
    health: Health
    measure: Measure
    overview: Overview
    triage: Triage
    alert_channels: AlertChannels
    pause_lanes: PauseLanes
    read_audit: ReadAudit
    smtp_door: SmtpDoor
    webhooks: WebhookServices
    reporting: ReportingServices
    users: UserServices

    def close(self) -> None:
        """Finish the calls on the wire and close all connections."""
        self.check.close()
        self.deliver.close()
        self.webhooks.deliver.close()
        self.write_timings.close()
        self.database.close()
        self.redis.close()
        self.health.close()


def build(
    settings: Settings, *, mailer: Mailer | None = None, account: SesAccount | None = None, bounds: Bounds = WORKERS
) -> Gateway:
    """The gateway of this process; `mailer` and `account` replace SES itself.

    It connects to nothing yet. Make one per process, after forking.
    """
    ground = lay(settings, bounds=bounds, account=account)
    apps, suppression = build_apps(settings, ground), build_suppression(settings, ground)
    submission = build_submission(settings, ground, suppression.gate)
    sending, feedback = build_sending(settings, ground, mailer), build_feedback(settings, ground)
    sync = build_sync(settings, ground)
    swept = Swept(suppression.unsuppress, suppression.reviews, sync, sending.reconcile)
    operating = build_operating(settings, ground, swept, sending.transport)
    return Gateway(
        settings=settings,
        sync=sync,
        last_quota=LastQuota(database=ground.database),
        last_report=LastReport(database=ground.database),
        forget=_forget(ground),
        webhooks=build_webhooks(settings, ground),
        reporting=build_reporting(settings, ground),
        users=build_users(settings, ground),
        **_offered(ground, apps, suppression, submission, sending, feedback, operating),
    )


def _offered(*parts: "DataclassInstance") -> dict[str, Any]:
    """What these parts offer to the gateway, by name; a part also has what only its own area needs."""
    wanted = {one.name for one in fields(Gateway)}
    return {one.name: getattr(part, one.name) for part in parts for one in fields(part) if one.name in wanted}


def _forget(ground: Ground) -> Forget:
    return Forget(
        database=ground.database,
        writer=ground.list_writer,
        pseudonyms=ground.pseudonyms,
        account=ground.account,
    )
