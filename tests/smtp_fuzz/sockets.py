"""Sessions over real sockets: a door with threads and its own time, and many clients at once."""

import asyncio
from contextlib import suppress
from random import Random
from typing import Any, Final

from structlog.testing import capture_logs

from tests.smtp_fuzz.grammar import ClientSession, client_session
from tests.smtp_fuzz.oracle import faults_of_replies, messages_in
from tests.smtp_fuzz.play import TLS_FOLLOWS, Findings
from tests.support.smtp.doors import FakeServices, RunningDoor, running_door, until

_AT_ONCE: Final = 200
_WITHIN_S: Final = 120.0
_LONGEST_PAUSE_S: Final = 0.002


def fuzz_sockets(seeds: range, *, findings: Findings) -> None:
    """Play the session of each seed, and note what is wrong. Errors make replies late, so it takes its time."""
    services = FakeServices()
    more: dict[str, Any] = {
        "smtp_connections_per_address": _AT_ONCE,
        "smtp_connections_per_key": _AT_ONCE,
        "smtp_knows_repeats": False,
    }
    with capture_logs() as lines, running_door(services, **more) as door:
        sessions = [client_session(Random(seed)) for seed in seeds]
        replies = asyncio.run(_play(door, sessions))
        until(lambda: not door.door.connections)
    found = [str(line) for line in lines if line["log_level"] in {"error", "critical"}]
    for seed, said in zip(seeds, replies, strict=True):
        findings.faults += [(seed, fault) for fault in faults_of_replies(said)]
    own = {text for session in sessions for _, _, text in messages_in(session.octets)}
    found += [f"a message is not one of a client's: {raw[:80]!r}" for raw, _ in services.submitted if raw not in own]
    findings.faults += [(seeds[0], fault) for fault in found]
    findings.sessions += len(seeds)
    findings.submitted += len(services.submitted)


async def _play(door: RunningDoor, sessions: list[ClientSession]) -> list[bytes]:
    room = asyncio.Semaphore(_AT_ONCE)

    async def play(session: ClientSession) -> bytes:
        async with room, asyncio.timeout(_WITHIN_S):
            return await _one(door.port, session)

    return await asyncio.gather(*map(play, sessions))


async def _one(port: int, session: ClientSession) -> bytes:
    """All that the door says to this client, who sends no TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    with suppress(ConnectionError):
        for pause, piece in session.pieces:
            await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))
            writer.write(piece)
            await writer.drain()
        if session.end == "reset":
            writer.transport.abort()
            return b""
        writer.write_eof()
        said = await reader.read(-1)
    writer.close()
    return said.partition(TLS_FOLLOWS)[0]
