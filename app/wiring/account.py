"""The area `account`: the comparison of SES's suppression list with ours, and the set-up of the AWS account."""

from app.aws.setup.account_resources import account_resources
from app.net.dns.records import resolved
from app.services.account.setup import SetUp
from app.services.account.sync_list import Sync
from app.wiring.foundation import Ground, aws_environment
from config import Settings


def build_sync(settings: Settings, ground: Ground) -> Sync:
    """The sync between SES's list and ours."""
    return Sync(
        database=ground.database,
        writer=ground.list_writer,
        pseudonyms=ground.pseudonyms,
        account=ground.account,
        cause_of=ground.bounces.cause_of,
        exempt_mailbox_simulator=settings.exempt_mailbox_simulator,
        mode=settings.ses_list_sync,
    )


def account_setup(settings: Settings, *, resolver: tuple[str, int] | None = None) -> SetUp:
    """The set-up of the AWS account of the environment; `resolver` is the IP address and port of the DNS to ask.

    Without one that of the host is asked, and none for a simulator, whose domains are in no DNS. Raises `SettingsError`
    if boto3 cannot use the settings of AWS.
    """
    region = settings.aws_region if "aws_region" in settings.model_fields_set else None
    with aws_environment():
        resources = account_resources(region, otherwise=settings.aws_region)
    return SetUp(resources, records=resolved(resolver) if resolver or not resources.stand_in else None)
