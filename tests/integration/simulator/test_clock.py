"""The simulator and a caller with a wrong clock: the signature is refused as AWS refuses it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from botocore.exceptions import ClientError

from simulator import Options, Simulator
from tests.support.aws.simulator import client, fetch


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(Options(data=tmp_path)) as running:
        yield running


def refusal(call: Any) -> tuple[int, str, str]:
    """Status, code and message of the ClientError that the call must raise."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


@pytest.mark.parametrize(
    "minutes, words",
    [(-6, "Signature expired: "), (-1440, "Signature expired: "), (6, "Signature not yet current: ")],
)
def test_a_signature_of_another_time_is_refused(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, minutes: int, words: str
) -> None:
    """As AWS refuses a clock more than five minutes off: SES with its own code, SNS with another."""
    put_off_clock_of_boto3(monkeypatch, minutes)
    status, code, message = refusal(client("sesv2", simulator).get_account)
    assert (status, code, message[: len(words)]) == (403, "InvalidSignatureException", words)
    assert message.endswith(" - 5 min.)" if minutes < 0 else " + 5 min.)")
    status, code, message = refusal(client("sns", simulator).list_topics)
    assert (status, code, message[: len(words)]) == (403, "SignatureDoesNotMatch", words)


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_minutes_off_is_good_enough(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """AWS allows five minutes either way."""
    put_off_clock_of_boto3(monkeypatch, minutes)
    assert client("sesv2", simulator).get_account()["SendingEnabled"]


@pytest.mark.parametrize("date", ["", "yesterday", "20261399T000000Z", "2026-11-26T09:21:18Z"])
def test_a_date_in_another_form_is_refused(simulator: Simulator, date: str) -> None:
    """Only botocore's format is a date."""
    scope = "AKIAEXAMPLE/20261126/us-east-1/ses/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
    answer = fetch(simulator, "/v2/email/account", headers={"Authorization": signed, "X-Amz-Date": date})
    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"] == "InvalidSignatureException"


def put_off_clock_of_boto3(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """Let boto3 sign like a host whose clock is off by this many minutes."""
    wrong = partial(_now_and, timedelta(minutes=minutes))
    monkeypatch.setattr(botocore.auth, "get_current_datetime", wrong)


def _now_and(skew: timedelta) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) + skew
