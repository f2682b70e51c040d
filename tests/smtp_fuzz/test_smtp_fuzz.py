"""A sample of the fuzzer's sessions, and what its oracle finds."""

import pytest

from tests.smtp_fuzz.oracle import faults_of
from tests.smtp_fuzz.play import Findings, fuzz

OCTETS = b"EHLO a\r\nMAIL FROM:<a>\r\nRCPT TO:<b@example.net>\r\nDATA\r\na\r\n..b\r\n.\r\nDATA\r\nc\n.\r\n.\r\n"
SAID = b"220 a\r\n235 Ok\r\n250 2.0.0 Ok: queued as 1\r\n"
RECIPIENTS = ("b@example.net",)


def test_a_sample_of_sessions_has_no_fault() -> None:
    """No exception, no session that hangs, no message that is not a client's own; and messages are submitted."""
    findings = Findings()
    fuzz(range(500), findings=findings)
    assert findings.faults == []
    assert findings.submitted > 50
    assert findings.encrypted > 3


@pytest.mark.parametrize(
    "said, submitted, expected",
    [
        (SAID, [(b"a\r\n.b\r\n", RECIPIENTS)], []),
        (SAID, [(b"a\r\n.b\r\n", ("c@example.net",))], ["a message is not one of the client's"]),
        (SAID, [(b"a\r\n", RECIPIENTS)], ["a message is not one of the client's"]),
        (SAID, [(b"c\n.\r\n", RECIPIENTS)], ["a message has a CR or an LF alone"]),
        (SAID, [], ["1 messages were promised, and 0 submitted"]),
        (
            SAID,
            [(b"a\r\n.b\r\n", RECIPIENTS)] * 2,
            ["a message is not one of the client's", "1 messages were promised"],
        ),
        (SAID.replace(b"235", b"535"), [(b"a\r\n.b\r\n", RECIPIENTS)], ["a message was submitted without a key"]),
        (SAID + b"250 \xff\r\n", [(b"a\r\n.b\r\n", RECIPIENTS)], ["a reply is malformed"]),
        (SAID + b"250 ", [(b"a\r\n.b\r\n", RECIPIENTS)], ["a reply is cut off"]),
    ],
)
def test_the_oracle_finds_what_is_wrong(
    said: bytes, submitted: list[tuple[bytes, tuple[str, ...]]], expected: list[str]
) -> None:
    """Each fault by its name."""
    found = faults_of(OCTETS, said, submitted, answered=True)
    assert len(found) == len(expected)
    assert all(fault.startswith(words) for fault, words in zip(found, expected, strict=True)), found
