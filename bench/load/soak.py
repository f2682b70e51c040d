"""A constant load of any length: emails at an even pace, their events, and a sample of memory at intervals.

Each email is posted by itself with an idempotency key. A second after its call reached the stand-in for SES, a validly
signed notification reports it as delivered, or, for one in a hundred, as bounced.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOBase
from typing import Any, Final

from app.cli.local.children.port_checks import answers
from bench.load.arrivals import Strangers
from bench.load.connection import head_of, request
from bench.load.notifications import HEADERS
from bench.load.web import Endpoint, mail_to
from bench.measure.resident_memory import Resident, resident
from bench.stage.stage import TOPIC, Stage
from tests.support.aws.notifications import bounced, delivered
from tests.support.aws.sns_signing import signer

LOOK_EVERY_S: Final = 10.0
_BOUNCES_EVERY: Final = 100
_EVENT_AFTER_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The memory of all processes at one time (seconds from the beginning), and the emails posted until then."""

    at: float
    emails: int
    processes: tuple[Resident, ...]


def soak(
    there: Stage, endpoint: Endpoint, *, seconds: float, rate: float, looked: Callable[[Sample], None]
) -> list[Sample]:
    """Post `rate` emails per second for `seconds`; return the samples, oldest first. `looked` gets each one at once.

    Raises `RuntimeError` when an answer is not 200, or when emails are accepted more slowly than they are posted.
    """
    samples: list[Sample] = []
    base, gap = endpoint.url.removesuffix("/v1/emails"), 1 / rate
    emails, feedback = Strangers(endpoint.url, patient=True), Strangers(f"{base}/feedback/sns", patient=True)
    heads = head_of(endpoint.url, dict(endpoint.headers)), head_of(f"{base}/feedback/sns", HEADERS)
    began = time.monotonic()
    with there.standin.journal.open() as journal:
        batches = events_in_batches(journal)
        for number in range(int(seconds * rate)):
            due = began + number * gap
            emails.listen(due - gap / 2)
            for message_id, event in next(batches):
                said = json.dumps(signer().notification(event, topic_arn=TOPIC))
                feedback.post(message_id, request(heads[1], said))
            feedback.listen(due)
            recipient = f"soak{number}@example.net"
            own = f"Idempotency-Key: {recipient}\r\n".encode()
            emails.post(recipient, request(heads[0] + own, json.dumps(mail_to(recipient))))
            if time.monotonic() - began >= len(samples) * LOOK_EVERY_S:
                answers(f"{base}/readyz")
                samples.append(Sample(at=time.monotonic() - began, emails=number + 1, processes=tuple(resident())))
                looked(samples[-1])
        for clients in (emails, feedback):
            clients.finish()
            clients.close()
    return samples


def events_in_batches(journal: TextIOBase) -> Iterator[list[tuple[str, str]]]:
    """Yield, each time, the events for the calls that are new in the journal, each with the number of its call."""
    number, rest = journal.read().count("\n"), ""
    calls: deque[str] = deque()
    while True:
        *lines, rest = (rest + journal.read()).split("\n")
        ready: list[tuple[str, str]] = []
        calls.extend(lines)
        while calls and float(calls[0].split()[0]) + _EVENT_AFTER_S < time.monotonic():
            number += 1
            ready.append((f"{number}", json.dumps(_event(calls.popleft().split()[2], number))))
        yield ready


def _event(recipient: str, number: int) -> dict[str, Any]:
    details: dict[str, Any] = {"message": f"0100{number:012x}-bench-000000", "at": datetime.now(UTC)}
    if number % _BOUNCES_EVERY == 0:
        return bounced(recipient, **details)
    return delivered(recipient, **details)
