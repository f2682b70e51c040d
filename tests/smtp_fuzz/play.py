"""Sessions in this process: a door without sockets, threads and time, and one session after the other."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from structlog.testing import capture_logs

from app.domain.errors import ServiceUnavailable
from app.services.submission.check import Obstacle
from app.smtp.admission import Admission, MostConnections
from app.smtp.connection import Connection
from app.smtp.door import Door, Patience
from app.smtp.open_door import make_door
from app.smtp.protocol import replies
from app.smtp.protocol.budget import Budget
from tests.smtp_fuzz.grammar import ClientSession, client_session, spoiled
from tests.smtp_fuzz.hurried import HurriedLoop, NoThreads
from tests.smtp_fuzz.oracle import faults_of
from tests.smtp_fuzz.tls_client import TlsClient
from tests.support.gateway.gateways import settings_for
from tests.support.servers.tls import self_signed
from tests.support.smtp.doors import FakeServices
from tests.support.smtp.transports import MemoryTransport

_LARGEST, _ROOM = 5000, 4500
_MOST_RECIPIENTS: Final = 5
_ENDS_WITHIN_S: Final = 600.0
_SILENT_S: Final = 60.0
_LONG_S: Final = 100_000.0
TLS_FOLLOWS: Final = replies.READY_FOR_TLS.encode()


@dataclass
class Findings:
    """What is wrong, with the seed of its session; and how much was right."""

    sessions: int = 0
    submitted: int = 0
    encrypted: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)


@contextmanager
def door_of(services: FakeServices, loop: HurriedLoop) -> Iterator[Door]:
    """A door with TLS and little room, whose work is done on the loop."""
    with TemporaryDirectory(prefix="postern-smtp-fuzz-") as name:
        self_signed(Path(name), "127.0.0.1")
        settings = settings_for("sqlite:///unused.db", "redis://127.0.0.1:1/0", smtp_clear_auth_on_loopback=True)
        files = {"smtp_certificate": Path(name) / "certificate.pem", "smtp_certificate_key": Path(name) / "key.pem"}
        changed = {**files, "smtp_knows_repeats": False}
        made = make_door(settings.model_copy(update=changed), services.as_services(), patience=Patience())
        made.threads.close()
        yield replace(
            made,
            rules=replace(made.rules, largest=_LARGEST, most_recipients=_MOST_RECIPIENTS),
            admission=Admission(MostConnections(whole=2, per_address=2, per_key=2), monotonic=loop.time),
            budget=Budget(_ROOM),
            threads=NoThreads(1, most_waiting=0),
        )


def fuzz(seeds: range, *, findings: Findings) -> None:
    """Play the session of each seed, and note what is wrong."""
    services = FakeServices(suppressed={"cid@example.net": Obstacle(code="invalid", detail="It is no address.")})
    with closing(HurriedLoop()) as loop, door_of(services, loop) as door:
        loop.set_exception_handler(lambda _, context: findings.faults.append((findings.sessions, str(context))))
        for seed in seeds:
            findings.faults += [
                (seed, fault) for fault in loop.run_until_complete(_judged(door, services, seed, findings))
            ]
            findings.sessions += 1
        if door.connections or door.admission.connections or door.budget.taken:
            findings.faults.append((seeds[-1], "something of a session is left"))


async def _judged(door: Door, services: FakeServices, seed: int, findings: Findings) -> list[str]:
    """What is wrong with one session."""
    random = Random(seed)
    session = client_session(random)
    services.submitted.clear()
    services.before = partial(_fail_at_times, random)
    with capture_logs() as lines:
        try:
            replies = await _play(door, session, random)
        except Exception as error:  # noqa: BLE001 - each is a finding
            return [f"{type(error).__name__}: {error}"]
    findings.submitted += len(services.submitted)
    findings.encrypted += session.is_encrypted
    faults = [str(line) for line in lines if line["log_level"] in {"error", "critical"}]
    if replies is not None:
        faults += faults_of(session.octets, replies, services.submitted, answered=session.end != "reset")
    return faults


def _fail_at_times(random: Random, _: str) -> None:
    if random.random() < 0.02:
        raise ServiceUnavailable("The database is not available.", retry_after=1)


async def _play(door: Door, session: ClientSession, random: Random) -> bytes | None:
    """The replies to the session, once it has ended; None where the client cannot read them."""
    connection = Connection(door, tls_at_once=session.is_encrypted)
    transport = MemoryTransport(connection, session.address)
    tls = TlsClient(connection, transport) if session.is_encrypted else None
    for number, (pause, piece) in enumerate(session.pieces):
        if pause:
            await asyncio.sleep(pause)
        if session.is_deaf and number == 1:
            connection.pause_writing()
        while not transport.is_reading() and not transport.is_closing():
            await asyncio.sleep(1)
            connection.resume_writing()
        if transport.is_closing():
            break
        sent = tls.encrypted(piece) if tls and piece else piece
        if session.spoils_tls and random.random() < 0.5:
            sent = spoiled(random, sent)
        connection.data_received(sent)
    if session.is_deaf:
        connection.resume_writing()
    await _end(connection, transport, session.end)
    if session.spoils_tls:
        return None
    return tls.received() if tls else bytes(transport.written).partition(TLS_FOLLOWS)[0]


async def _end(connection: Connection, transport: MemoryTransport, how: str) -> None:
    """End the session as its client does, and wait until it has."""
    await asyncio.sleep(0.001)
    match how:
        case "eof":
            transport.receive_eof()
        case "reset":
            transport.abort()
        case _:
            await asyncio.sleep(_SILENT_S)
            connection.look(time.monotonic() + _LONG_S)
    await asyncio.wait_for(transport.closed.wait(), _ENDS_WITHIN_S)
    await asyncio.sleep(_SILENT_S)  # what the door still means to do
