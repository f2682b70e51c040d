"""The bounds of an answer of SES: how much of it is kept, and which statuses are proof."""

import pytest
from botocore.exceptions import ClientError

from app.aws.ses.error_responses import LONGEST_REASON
from app.aws.ses.mailer import classify
from app.domain.sending.call_outcome import Ambiguous, Envelope, Tripped

ENVELOPE = Envelope(sender="news@mail.example.com", recipient="ann@example.org", raw=b"Subject: Hello\r\n\r\n", tags=())


def answer(code: str, message: str = "", *, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "SendEmail")  # type: ignore[arg-type]


def test_a_long_answer_is_cut_to_the_length_of_its_column() -> None:
    """A reason keeps exactly 300 characters, the code in it 60."""
    assert LONGEST_REASON == 300
    long = classify(answer("MessageRejected", "strange " * 100), ENVELOPE)
    assert len(long.reason) == 300  # type: ignore[union-attr]
    assert classify(answer("C" * 200, status=500), ENVELOPE) == Ambiguous(f"SES answered 500 ({'C' * 60})")


@pytest.mark.parametrize(
    "status, proves", [(399, False), (400, True), (407, True), (408, False), (409, True), (499, False), (500, False)]
)
def test_only_a_4xx_of_the_service_itself_proves_that_nothing_was_sent(*, status: int, proves: bool) -> None:
    """408 and 499 come from an intermediary, which may have passed the request on."""
    outcome = classify(answer("MailFromDomainNotVerifiedException", status=status), ENVELOPE)
    assert isinstance(outcome, Tripped if proves else Ambiguous)


def test_an_answer_without_a_text_leaves_the_reason_as_it_is() -> None:
    """No colon leads to nothing."""
    assert classify(answer("AccountSuspendedException"), ENVELOPE) == Tripped(
        "account", "Sending is paused or suspended for the account"
    )
