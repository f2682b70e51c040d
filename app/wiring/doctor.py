"""What `postern doctor` works with: the checks of this gateway, of its AWS account and of the DNS, and the live try.

The console makes a report of the same checks.
"""

from dataclasses import dataclass
from typing import Final

from app.aws.setup.checks.clients import aws_clients
from app.aws.setup.checks.everything import AwsChecks, Wanted
from app.domain.account.setup.choices import Choices
from app.domain.account.setup.plan import Plan
from app.net.dns.records import resolved
from app.services.operating.doctor.here import LookHere
from app.services.operating.doctor.live import TryLive
from app.services.operating.doctor.report import MakeReport
from app.store.engine.clock import host_clock
from app.wiring.account import account_setup
from app.wiring.foundation import aws_environment
from app.wiring.gateway import Gateway
from config import Settings, misspelt_names

_WITHIN_S: Final = 30.0
"""How long a report takes at most, beside the calls that are under way then: a person waits for the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """The parts of the command, in the order in which it uses them."""

    look_here: LookHere
    aws: AwsChecks
    try_live: TryLive


def build_doctor(gateway: Gateway, *, resolver: tuple[str, int] | None) -> Doctor:
    """The parts, for this gateway. The DNS is asked where SES is AWS's own, or where a resolver is named."""
    with aws_environment():
        clients = aws_clients(gateway.settings.aws_region, now=host_clock)
    return Doctor(
        look_here=LookHere(database=gateway.database, health=gateway.health, host_clock=host_clock),
        aws=AwsChecks(clients, resolved(resolver) if clients.is_aws or resolver else None),
        try_live=TryLive(database=gateway.database, accept=gateway.accept),
    )


def build_report(gateway: Gateway) -> MakeReport:
    """What makes a report about this gateway. Raises `SettingsError` if boto3 cannot use the settings of AWS."""
    settings = gateway.settings
    with aws_environment():
        clients = aws_clients(settings.aws_region, now=host_clock)

    def plan() -> Plan:
        return account_setup(settings).plan(Choices(default_url=settings.public_url)).plan

    return MakeReport(
        database=gateway.database,
        look_here=LookHere(database=gateway.database, health=gateway.health, host_clock=host_clock, turns=1),
        aws=AwsChecks(clients, resolved(None) if clients.is_aws else None, within_s=_WITHIN_S),
        wanted=lambda senders: wanted(settings, senders=senders),
        plan=plan,
        misspelt=misspelt_names(),
    )


def wanted(settings: Settings, *, senders: tuple[str, ...] | None) -> Wanted:
    """What the account has to have for a gateway with these settings, whose applications have these senders."""
    return Wanted(
        configuration_set=settings.ses_configuration_set,
        topic_arns=settings.sns_topic_arns,
        signature_version=settings.sns_signature_version,
        public_url=settings.public_url,
        queue_urls=settings.sqs_queue_urls,
        senders=senders,
    )
