"""The area `feedback`: receives notifications, verifies them, and settles them."""

from dataclasses import dataclass

from app.aws.clients import sns_client, sqs_client
from app.aws.sns.certificate_cache import FetchedCertificates, HttpsCertificateSource
from app.aws.sns.certificates import Certificates, PinnedCertificate
from app.aws.sns.topic_arn import parse_topic_arn, signing_name
from app.aws.sns.verifier import SnsVerifier, SubscriptionConfirmer
from app.aws.sqs.queue import SqsQueue
from app.aws.sqs.queue_url import parse_queue_url
from app.domain.feedback.provenance import Known
from app.services.feedback.apply import Conclude
from app.services.feedback.bounce_review import BounceReview
from app.services.feedback.queues.intake import QueueIntake
from app.services.feedback.queues.redrive import Redrive
from app.services.feedback.queues.retry_refused import RetryRefused
from app.services.feedback.queues.store_batch import StoreBatch
from app.services.feedback.queues.verdicts import Judge
from app.services.feedback.receive import Receive
from app.services.feedback.set_aside import Doubts
from app.services.feedback.settle import Settle
from app.services.feedback.shared_certificates import PURPOSE, SharedCertificates
from app.services.privacy.anonymise import Unname
from app.store.engine.clock import host_clock
from app.wiring.foundation import Ground
from config import Settings, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackServices:
    """What this area offers.

    `receive` is None where no topic is configured. `queue_intakes` are the pollers of one worker process.
    """

    receive: Receive | None
    queue_intakes: tuple[QueueIntake, ...]
    redrive: Redrive
    retry_refused: RetryRefused
    settle: Settle
    bounce_review: BounceReview


def build_feedback(settings: Settings, ground: Ground) -> FeedbackServices:
    """The services of feedback."""
    verifier = _verifier(settings, ground)
    receive = _receive(ground, verifier) if verifier else None
    return FeedbackServices(
        receive=receive,
        queue_intakes=_intakes(settings, ground, verifier, receive) if verifier and receive else (),
        redrive=Redrive(
            database=ground.database,
            bells=ground.bells,
            verifier=verifier,
            queues=lambda url: _queue(settings, url),
        ),
        retry_refused=RetryRefused(database=ground.database, bells=ground.bells, verifier=verifier),
        settle=_settle(settings, ground),
        bounce_review=BounceReview(
            database=ground.database,
            writer=ground.list_writer,
            bounces=ground.bounces,
            exempt_mailbox_simulator=settings.exempt_mailbox_simulator,
        ),
    )


def _verifier(settings: Settings, ground: Ground) -> SnsVerifier | None:
    if not settings.sns_topic_arns:
        return None
    return SnsVerifier(
        topic_arns=frozenset(settings.sns_topic_arns),
        certificates=_certificates(settings, ground),
        minimum_version=settings.sns_signature_version,
        clock=ground.clock,
        second_clock=host_clock,
    )


def _receive(ground: Ground, verifier: SnsVerifier) -> Receive:
    return Receive(
        database=ground.database,
        verifier=verifier,
        confirmer=SubscriptionConfirmer(clients=sns_client),
        bells=ground.bells,
    )


def _intakes(settings: Settings, ground: Ground, verifier: SnsVerifier, receive: Receive) -> tuple[QueueIntake, ...]:
    """The pollers of every queue. Each makes its client of boto3 with its first call."""
    judge = Judge(verifier=verifier, answer=receive.answer, clock=ground.clock)
    store = StoreBatch(database=ground.database, bells=ground.bells)
    return tuple(
        QueueIntake(database=ground.database, queue=_queue(settings, url), judge=judge, store=store, poller=poller)
        for url in settings.sqs_queue_urls
        for poller in range(settings.sqs_pollers)
    )


def _queue(settings: Settings, url: str) -> SqsQueue:
    return SqsQueue(parse_queue_url(url), region=settings.aws_region, clients=sqs_client)


def _settle(settings: Settings, ground: Ground) -> Settle:
    exempt = settings.exempt_mailbox_simulator
    return Settle(
        database=ground.database,
        conclude=Conclude(writer=ground.list_writer, bounces=ground.bounces, exempt_mailbox_simulator=exempt),
        unname=Unname(ground.pseudonyms),
        doubts=Doubts(_known(settings)),
        bells=ground.bells,
        timings=ground.timings,
    )


def _known(settings: Settings) -> Known:
    own = {settings.ses_configuration_set} - {""}
    more = settings.feedback_configuration_sets
    return Known(
        accounts=frozenset(settings.feedback_accounts),
        configuration_sets=frozenset(own | set(more)) if own else frozenset(),
    )


def _certificates(settings: Settings, ground: Ground) -> Certificates:
    pinned = pinned_certificate(settings, ground)
    if pinned is not None:
        return pinned
    shelf = SharedCertificates(ground.database, keys=ground.key_ring.derive_each(PURPOSE))
    return FetchedCertificates(source=HttpsCertificateSource(), clock=ground.clock, shelf=shelf)


def pinned_certificate(settings: Settings, ground: Ground) -> PinnedCertificate | None:
    """The certificate of `SNS_PINNED_CERTIFICATE`, if it is set. Raises `SettingsError` if it is not a certificate."""
    if settings.sns_pinned_certificate is None:
        return None
    try:
        return PinnedCertificate(settings.sns_pinned_certificate.read_bytes(), clock=ground.clock)
    except ValueError as error:
        raise SettingsError(f"Postern cannot start: SNS_PINNED_CERTIFICATE: {error}.") from error


def signing_names(settings: Settings) -> frozenset[str]:
    """The names that the certificates of the topics' regions carry."""
    return frozenset(signing_name(parse_topic_arn(arn)) for arn in settings.sns_topic_arns)
