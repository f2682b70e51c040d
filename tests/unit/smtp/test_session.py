"""The rules of a session: what each command is answered, in which state."""

import base64

import pytest

from app.domain.apps.callers import Caller
from app.smtp.protocol import replies
from app.smtp.protocol.replies import Reply
from app.smtp.protocol.sasl import Credentials
from app.smtp.protocol.session import Session
from app.smtp.protocol.steps import CheckKey, Rules, Turn, Work
from tests.support.smtp.dialogues import BAD_KEY, PLAIN, RULES, play, result_of

SIGNED_IN = ["EHLO client.example", PLAIN]
MAIL, RCPT = "MAIL FROM:<org@example.com>", "RCPT TO:<ann@example.net>"
IN_MAIL = [*SIGNED_IN, MAIL]
READY = [*IN_MAIL, RCPT]


def in_base64(octets: int) -> str:
    """A user and a password of so many octets, with what stands before them."""
    return base64.b64encode(b"\0ann\0".ljust(octets, b"x")).decode()


def test_a_password_is_not_shown_with_its_user() -> None:
    """Where credentials are printed, as in a traceback."""
    assert "secret" not in repr(Credentials("ann", "secret"))


@pytest.mark.parametrize(
    "before, line, expected",
    [
        ([], "EHLO client.example", "250"),
        ([], "ehlo [192.0.2.1]", "250"),
        ([], "HELO client.example", "250"),
        ([], "EHLO", "501 5.5.4"),
        ([], "EHLO bell\x07", "501 5.5.4"),
        ([], f"EHLO {'a' * 255}", "250"),
        ([], f"EHLO {'a' * 256}", "501 5.5.4"),
        ([], "NOOP", "250 2.0.0"),
        ([], "NOOP anything at all", "250 2.0.0"),
        ([], "RSET", "250 2.0.0"),
        ([], "RSET now", "501 5.5.4"),
        ([], "HELP", "214 2.0.0"),
        ([], "VRFY ann@example.net", "252 2.5.0"),
        ([], "EXPN staff", "502 5.5.1"),
        ([], "QUIT", "221 2.0.0 END"),
        ([], "BDAT 86 LAST", "502 5.5.1 END"),
        ([], "GET / HTTP/1.1", "500 5.5.1 END"),
        ([], "Host: mail.example.com", "500 5.5.1 END"),
        ([], "TURN", "500 5.5.1"),
        ([], "", "500 5.5.1"),
        ([], " EHLO client.example", "500 5.5.1"),
        ([], "NOOP \udcff", "500 5.5.2"),
        ([], PLAIN, "503 5.5.1"),
        ([], MAIL, "503 5.5.1"),
        ([], RCPT, "503 5.5.1"),
        ([], "DATA", "503 5.5.1"),
        (["EHLO client.example"], MAIL, "530 5.7.0"),
        (["EHLO client.example"], RCPT, "503 5.5.1"),
        (["EHLO client.example"], "STARTTLS", "503 5.5.1"),
        (["EHLO client.example"], "AUTH", "504 5.5.4"),
        (["EHLO client.example"], "AUTH CRAM-MD5", "504 5.5.4"),
        (["EHLO client.example"], "AUTH PLAIN not*base64", "501 5.5.2"),
        (["EHLO client.example"], "AUTH PLAIN =", "501 5.5.2"),
        (["EHLO client.example"], "AUTH PLAIN", "334"),
        (["EHLO client.example"], "AUTH LOGIN", "334"),
        (["EHLO client.example"], "auth plain AGEAYg==", "535 5.7.8"),
        (["EHLO client.example"], PLAIN, "235 2.7.0"),
        (["EHLO client.example", "AUTH PLAIN"], "*", "501 5.7.0"),
        (["EHLO client.example", "AUTH PLAIN"], "QUIT", "501 5.5.2"),
        (["EHLO client.example", "AUTH PLAIN"], PLAIN.split()[2], "235 2.7.0"),
        (["EHLO client.example", "AUTH LOGIN"], "YW5u", "334"),
        (["EHLO client.example"], f"AUTH PLAIN {in_base64(512)}", "535 5.7.8"),
        (["EHLO client.example"], f"AUTH PLAIN {in_base64(513)}", "501 5.5.2"),
        (SIGNED_IN, PLAIN, "503 5.5.1"),
        (SIGNED_IN, MAIL, "250 2.0.0"),
        (SIGNED_IN, "MAIL FROM:<>", "250 2.0.0"),
        (SIGNED_IN, "mail from: <root@localhost>", "250 2.0.0"),
        (SIGNED_IN, "MAIL FROM:org@example.com", "250 2.0.0"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> SIZE=1000 BODY=8BITMIME SMTPUTF8", "250 2.0.0"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> RET=HDRS ENVID=a1 AUTH=<>", "250 2.0.0"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> SIZE=1001", "552 5.3.4"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> SIZE=many", "501 5.5.4"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> SIZE=", "501 5.5.4"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> SIZE=1 SIZE=2", "501 5.5.4"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> BODY=BINARYMIME", "501 5.5.4"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> SMTPUTF8=yes", "501 5.5.4"),
        (SIGNED_IN, "MAIL FROM:<org@example.com> MT-PRIORITY=3", "555 5.5.4"),
        (SIGNED_IN, f"MAIL FROM:<{'a' * 512}>", "250 2.0.0"),
        (SIGNED_IN, f"MAIL FROM:<{'a' * 513}>", "501 5.5.4"),
        (SIGNED_IN, "MAIL", "501 5.5.4"),
        (SIGNED_IN, "MAIL TO:<org@example.com>", "501 5.5.4"),
        (SIGNED_IN, "MAIL FROM:<org@example.com", "501 5.5.4"),
        (SIGNED_IN, "MAIL FROM:<a><b>", "501 5.5.4"),
        (IN_MAIL, MAIL, "503 5.5.1"),
        (IN_MAIL, RCPT, "250 2.1.5"),
        (IN_MAIL, "RCPT TO:<ann@example.net> NOTIFY=NEVER ORCPT=rfc822;ann@example.net", "250 2.1.5"),
        (IN_MAIL, "RCPT TO:<ann@example.net> SIZE=3", "555 5.5.4"),
        (IN_MAIL, "RCPT FROM:<ann@example.net>", "501 5.5.4"),
        (IN_MAIL, "RCPT TO:<gone@example.com>", "550 5.1.1"),
        (IN_MAIL, "DATA", "554 5.5.1"),
        (IN_MAIL, "STARTTLS", "503 5.5.1"),
        ([*IN_MAIL, "RCPT TO:<gone@example.com>"], "DATA", "554 5.5.1"),
        ([*IN_MAIL, "RSET"], RCPT, "503 5.5.1"),
        ([*IN_MAIL, "EHLO client.example"], RCPT, "503 5.5.1"),
        (READY, "DATA now", "501 5.5.4"),
        (READY, RCPT, "250 2.1.5"),
        ([*READY, "RCPT TO:<b@example.net>", "RCPT TO:<c@example.net>"], "RCPT TO:<d@example.net>", "452 4.5.3"),
        ([*READY, "DATA"], "DATA", "503 5.5.1"),
        ([*READY, "DATA"], MAIL, "250 2.0.0"),
    ],
)
def test_a_command_is_answered(before: list[str], line: str, expected: str) -> None:
    """After these lines, over TLS, the reply to this one has this code and this status."""
    assert play([*before, line])[-1] == expected


def test_a_message_is_accepted_once_it_was_submitted() -> None:
    """From the greeting to the end: the reply to DATA is that of the services."""
    said = play([*READY, "DATA", "QUIT"])
    assert said == ["250", "235 2.7.0", "250 2.0.0", "250 2.1.5", "354", "250 2.0.0", "221 2.0.0 END"]


@pytest.mark.parametrize(
    "line, expected",
    [(PLAIN, "538 5.7.11"), ("AUTH LOGIN", "538 5.7.11"), (MAIL, "530 5.7.0"), ("STARTTLS", "220 2.0.0 TLS")],
)
def test_no_key_is_taken_in_the_clear(line: str, expected: str) -> None:
    """Without TLS a session offers no AUTH, and takes no key."""
    assert play(["EHLO client.example", line], encrypted=False)[-1] == expected


def test_what_was_said_before_tls_is_forgotten() -> None:
    """After STARTTLS the client greets again, as RFC 3207 asks."""
    assert play(["EHLO client.example", "STARTTLS", PLAIN], encrypted=False)[-1] == "503 5.5.1"
    assert play(["EHLO client.example", "STARTTLS", *READY], encrypted=False)[-1] == "250 2.1.5"
    assert play(["STARTTLS", "STARTTLS"], encrypted=False)[-1] == "503 5.5.1"


def test_a_session_offers_what_it_takes() -> None:
    """STARTTLS before TLS, AUTH with TLS, or in the clear where the rules allow that."""
    assert offers(Session(RULES)) == {*COMMON, "STARTTLS"}
    assert offers(Session(RULES, encrypted=True)) == {*COMMON, "AUTH PLAIN LOGIN"}
    on_loopback = Rules(host="mail.example.com", largest=1000, most_recipients=3, has_tls=False, clear_auth=True)
    assert offers(Session(on_loopback)) == {*COMMON, "AUTH PLAIN LOGIN"}
    assert play(READY, rules=on_loopback, encrypted=False)[-1] == "250 2.1.5"


COMMON = {"PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "HELP"}


def offers(session: Session) -> set[str]:
    reply = session.hear(b"EHLO client.example").reply
    assert reply is not None
    host, *rest = reply.text.splitlines()
    assert host == "mail.example.com"
    return set(rest)


def test_errors_end_a_session() -> None:
    """After ten errors it is over; from the fourth on the client waits for each reply."""
    assert play(["TURN"] * 20) == ["500 5.5.1"] * 10 + ["421 4.7.0 END"]
    session = Session(RULES)
    assert [session.hear(b"TURN").slow_s for _ in range(5)] == [0, 0, 0, 1, 1]


def test_a_session_that_sends_no_message_ends() -> None:
    """Commands that lead to none are counted; a message lets them begin anew."""
    assert play(["NOOP"] * 200)[-1] == "421 4.7.0 END"
    assert len(play(["NOOP"] * 200)) == 101
    assert len(play([*READY, "DATA", *["NOOP"] * 200])) == len([*READY, "DATA", "the reply to the message"]) + 101
    assert play([*SIGNED_IN, *[*["RSET"] * 40, MAIL, RCPT, "DATA"] * 5])[-1] == "250 2.0.0"


def test_wrong_keys_end_a_session() -> None:
    """After three it is over, whether or not TLS began in between; each reply is later than the one before."""
    wrong = "AUTH PLAIN AGEAYg=="
    assert play(["EHLO client.example", *[wrong] * 4]) == ["250", "535 5.7.8", "535 5.7.8", "421 4.7.0 END"]
    session = Session(RULES, encrypted=True)
    session.hear(b"EHLO client.example")
    waits = []
    for _ in range(3):
        session.hear(wrong.encode())
        waits.append(session.resume(BAD_KEY).slow_s)
    assert waits == [1, 2, 3]


@pytest.mark.parametrize(
    "answer, expected",
    [
        (BAD_KEY, "421 4.7.0 END"),
        (Reply(550, "5.7.1", "This key lacks the scope emails:send."), "550 5.7.1"),
        (replies.TROUBLE, "451 4.3.0"),
    ],
)
def test_a_key_is_checked_again_for_each_message(answer: Reply, expected: str) -> None:
    """A key that was revoked after AUTH begins no message, and one of which that is not known begins none now."""

    def later(work: Work) -> Caller | Reply:
        return answer if isinstance(work, CheckKey) and work.anew else result_of(work)

    assert play([*SIGNED_IN, MAIL], answer=later)[-1] == expected
    if not expected.endswith("END"):
        assert play([*SIGNED_IN, MAIL, RCPT], answer=later)[-1] == "503 5.5.1"


def test_what_follows_a_refused_data_is_no_command() -> None:
    """A client that did not wait for the reply to DATA may have sent its message already."""
    session = Session(RULES, encrypted=True)
    assert session.hear(b"DATA").turn is Turn.NO_MESSAGE
