"""How boto3 is built for Amazon SES, SNS and SQS.

It decides attempts, timeouts and connections, and makes clients on request. It keeps no client and names no endpoint:
boto3 itself finds credentials and `AWS_ENDPOINT_URL_*`.
"""

from typing import TYPE_CHECKING

import boto3.session
import botocore.session
from botocore.config import Config

from app.aws.credentials import following_session

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 20.0
CONFIRM_WITHIN_S = 2.0
"""For a call within a request of SNS, which SNS repeats when it fails."""


def sesv2_client(
    region: str, *, pool: int, read_timeout_s: float = READ_TIMEOUT_S, session: botocore.session.Session | None = None
) -> "SESV2Client":
    """A client for SES v2 that keeps up to `pool` connections: one for each thread that calls it."""
    config = one_attempt(pool, read_timeout_s)
    client: SESV2Client = _session(region, session).client("sesv2", config=config)
    return client


def sns_client(region: str) -> "SNSClient":
    """A client for SNS, with which the gateway confirms the subscriptions of its own topics."""
    config = one_attempt(1, CONFIRM_WITHIN_S)
    client: SNSClient = _session(region).client("sns", config=config)
    return client


def sqs_client(region: str) -> "SQSClient":
    """A client for SQS: a thread receives with it while another keeps messages hidden."""
    config = one_attempt(2, READ_TIMEOUT_S)
    client: SQSClient = _session(region).client("sqs", config=config)
    return client


def _session(region: str, session: botocore.session.Session | None = None) -> boto3.session.Session:
    return boto3.session.Session(region_name=region, botocore_session=session or following_session())


def one_attempt(pool: int, read_timeout_s: float) -> Config:
    """One wire request per call: SES has no idempotency token, and boto3's default sends one email up to three times.

    `max_attempts` would count *re*tries; only `total_max_attempts` counts all attempts
    (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html).
    Parameter validation stays on: it costs 17 of 950 microseconds, and makes a fault of ours an error that certainly
    sent nothing.
    """
    return Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        max_pool_connections=pool,
        tcp_keepalive=True,
    )
