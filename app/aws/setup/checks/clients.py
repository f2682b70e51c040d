"""The clients with which the account is checked: patient, paced, and aware of AWS's clock.

An operator can wait, a worker must not: these repeat calls, those of `app.aws.clients` do not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import boto3.session
from botocore.config import Config

from app.aws.setup.endpoints import is_of_aws, pace

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sns import SNSClient

_CONFIG: Final = Config(
    retries={"total_max_attempts": 3, "mode": "standard"}, connect_timeout=3, read_timeout=10, max_pool_connections=2
)


@dataclass
class AwsClock:
    """How far this host's clock, `now`, is ahead of AWS's, from the Date header of the last answer; None before any."""

    now: Callable[[], datetime]
    ahead: timedelta | None = None

    def note(self, http_response: Any, **_: Any) -> None:
        """Compare the clocks; a handler of botocore's `after-call`."""
        try:
            date = parsedate_to_datetime(http_response.headers["Date"])
        except (KeyError, TypeError, ValueError):
            return
        if date.tzinfo is not None:
            self.ahead = self.now() - date


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsClients:
    """SES, SNS, SQS and STS of one region; `sqs` makes the client of any region.

    SQS and STS are None where SES is a stand-in and they are not: a made-up key must not be shown to AWS itself.
    """

    region: str
    ses: "SESV2Client"
    sns: "SNSClient"
    clock: AwsClock
    sqs: Callable[[str], Any] | None = None
    sts: Any = None

    def sqs_of(self, region: str | None) -> Any:
        """SQS of this region, by default of our own. Raises ValueError where there is none."""
        if self.sqs is None:
            raise ValueError("there is no SQS to ask")
        return self.sqs(region or self.region)

    @property
    def is_aws(self) -> bool:
        """Whether SES is AWS's own, not a stand-in for it."""
        return is_of_aws(self.ses)


def aws_clients(region: str, *, now: Callable[[], datetime]) -> AwsClients:
    """Clients with the credentials and endpoints that boto3 finds."""
    session = boto3.session.Session(region_name=region)
    clock = AwsClock(now)

    @cache
    def made(name: str, of_region: str) -> Any:
        client: Any = session.client(name, config=_CONFIG, region_name=of_region)
        client.meta.events.register("after-call", clock.note)
        return client

    ses, sqs, sts = made("sesv2", region), made("sqs", region), made("sts", region)
    is_aws = is_of_aws(ses)
    pace(ses)
    return AwsClients(
        region=region,
        ses=ses,
        sns=made("sns", region),
        clock=clock,
        sqs=partial(made, "sqs") if is_aws or not is_of_aws(sqs) else None,
        sts=sts if is_aws or not is_of_aws(sts) else None,
    )
