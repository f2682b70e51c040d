"""Dialogues with a session, without a socket: lines in, replies out."""

import base64
from collections.abc import Callable

from app.domain.apps.callers import Caller
from app.smtp.protocol import replies
from app.smtp.protocol.replies import Reply
from app.smtp.protocol.sasl import Credentials
from app.smtp.protocol.session import Session
from app.smtp.protocol.steps import CheckKey, Rules, Step, Submit, Turn, VetRecipient, Work
from tests.support.smtp.doors import CALLER, KEY_ID, SECRET

PLAIN = "AUTH PLAIN " + base64.b64encode(f"\0{KEY_ID}\0{SECRET}".encode()).decode()
RULES = Rules(host="mail.example.com", largest=1000, most_recipients=3, has_tls=True)
BAD_KEY = Reply(replies.NO_SUCH_KEY, "5.7.8", "The key is not known.")
SUPPRESSED = Reply(550, "5.1.1", "The address is on the suppression list.")


def result_of(work: Work) -> Caller | Reply:
    """What the services say: one key is valid, and one address is suppressed."""
    match work:
        case CheckKey():
            given = work.credentials
            return CALLER if (given.user, given.password) == (KEY_ID, SECRET) else BAD_KEY
        case VetRecipient():
            return SUPPRESSED if work.address == "gone@example.com" else replies.RECIPIENT_OK
        case Submit():
            return Reply(250, "2.0.0", "Ok: queued")


def play(
    lines: list[str],
    *,
    rules: Rules = RULES,
    encrypted: bool = True,
    answer: Callable[[Work], Caller | Reply] = result_of,
) -> list[str]:
    """The code and the status of each reply; `END` where the session is over, `TLS` where that begins.

    A message is whole as soon as DATA has been accepted.
    """
    session, said = Session(rules, encrypted=encrypted), []
    for line in lines:
        step = session.hear(line.encode("utf-8", "surrogateescape"))
        while step.work is not None:
            step = session.resume(answer(step.work))
        said.append(shown(step))
        if step.turn is Turn.MESSAGE:
            session.received()
            said.append(shown(session.resume(answer(Submit(Credentials("", ""), ())))))
        if step.turn is Turn.TLS:
            session.encrypted()
        if step.turn is Turn.END:
            break
    return said


def shown(step: Step) -> str:
    """A step in few words."""
    assert step.reply is not None
    turn = {Turn.TLS: " TLS", Turn.END: " END"}.get(step.turn, "")
    return f"{step.reply.code} {step.reply.status}".strip() + turn
