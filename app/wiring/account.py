"""The area `account`: the comparison of SES's suppression list with ours, and the set-up of the AWS account."""

from app.aws.setup.account_resources import account_resources
from app.aws.setup.resources import AwsSetup, aws_setup
from app.services.account.setup import SetUp
from app.services.account.sync_list import Sync
from app.wiring.foundation import Ground
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


def aws_side(settings: Settings) -> AwsSetup:
    """SES and SNS of the region, with boto3's own credentials and endpoints."""
    return aws_setup(settings.aws_region)


def account_setup(settings: Settings) -> SetUp:
    """The set-up of the AWS account of the environment. Raises `SetupStopped` for an unknown profile."""
    region = settings.aws_region if "aws_region" in settings.model_fields_set else None
    return SetUp(account_resources(region, otherwise=settings.aws_region))
