"""The queues for the benchmarks of growth and memory, and their readings of the kernel's process figures."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from app.wiring.gateway import Gateway, build
from bench.baselines.contestants import release
from bench.load.arrivals import Strangers
from bench.load.queued_emails import lined_up
from bench.load.ses_calls import Counted
from bench.measure.disk_footprint import queued, together
from bench.measure.meter import Meter
from bench.measure.resident_memory import resident
from bench.modes.webhook import empty
from tests.support.aws.notifications import put
from tests.support.gateway.emails import take
from tests.support.gateway.gateways import settings_for


@pytest.fixture
def gateway(migrated_postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[Gateway]:
    """Benchmarks run on PostgreSQL alone."""
    with closing(build(settings_for(migrated_postgres_url, redis_url, flight_dir=tmp_path / "flight"))) as built:
        yield built


def test_later_emails_wait_until_earlier_ones_are_gone(gateway: Gateway) -> None:
    """None is claimed while the lane is filled; then the earliest accepted come first, in spite of their number."""
    with lined_up(gateway, ahead=3, behind=250):
        assert take(gateway).emails == ()
        release(gateway)
        first, then = take(gateway, limit=3), take(gateway, limit=300)
        assert all(attempt.recipient.address.startswith("person") for attempt in first.emails)
        assert len({attempt.recipient.address for attempt in then.emails}) == 250
    assert take(gateway).emails == ()


def test_a_queue_holds_nothing_of_the_one_before(gateway: Gateway) -> None:
    """Otherwise a short queue would be as long as the longest one measured."""
    with lined_up(gateway, ahead=2, behind=50):
        pass
    with lined_up(gateway, ahead=2):
        release(gateway)
        assert len(take(gateway).emails) == 2


def test_a_queued_email_takes_its_text_and_some_rows(gateway: Gateway) -> None:
    """The text is in `emails`; the recipient is in `recipients`, with its indexes."""
    found = {one.table: one for one in queued(gateway, 200)}
    assert found["emails"].rows > 6000
    assert found["recipients"].indexes > 0
    assert together(list(found.values())) > found["emails"].rows


def test_the_meter_attributes_cpu_and_writes(gateway: Gateway) -> None:
    """A query that the server works on costs us next to nothing, and our own work costs the server nothing."""
    meter = Meter(gateway.database)
    with gateway.database.reading() as connection:
        connection.execute(text("select 1"))
        meter.begin()
        meter("asked", 1, lambda: connection.execute(text("select count(*) from generate_series(1, 2000000)")).all())
        meter("own", 1, lambda: sum(range(2_000_000)))
        meter(
            "written",
            1,
            lambda: connection.execute(text("select pg_logical_emit_message(true, '', repeat('x', 9000))")),
        )
    asked, own, written = meter.median("asked"), meter.median("own"), meter.median("written")
    assert asked.database > asked.client
    assert own.client > own.database
    assert written.wal >= 9000


def test_processes_are_recognised_by_their_command() -> None:
    """The CPU of beat counts as that of workers; it answers no bells, so its memory is counted apart."""
    words = (sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "worker.beat")
    with subprocess.Popen((*words, "beat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as beat:
        assert beat.stdout is not None
        beat.stdout.readline()
        found = [one for one in resident() if one.pid == beat.pid]
        beat.communicate()
    assert [(one.role, one.main) for one in found] == [("beat", False)]
    assert found[0].rss >= found[0].pss > 0
    assert beat.pid not in {one.pid for one in resident()}


def test_calls_are_counted_from_the_start_of_the_count(tmp_path: Path) -> None:
    """Each once, however often the count is read."""
    journal = tmp_path / "calls"
    journal.write_text("1.0 1 ann@example.net\n")
    counted = Counted(journal)
    assert counted() == 0
    with journal.open("a") as out:
        out.write("2.0 1 bo@example.net\n3.0 1 cy@example.net\n")
    assert (counted(), counted()) == (2, 2)


def test_patient_clients_repeat_an_unanswered_request() -> None:
    """Once, and only where the connection had served before: a server that never answers is an error."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        clients = Strangers(f"http://127.0.0.1:{server.getsockname()[1]}/", patient=True)
        serving = pool.submit(_serve, server, (1, 1, 0))
        clients.post("ann", b"1")
        clients.finish()
        clients.post("bo", b"2")
        clients.finish()
        clients.post("cy", b"3")
        with pytest.raises(ConnectionError):
            clients.finish()
        assert serving.result() == [b"1", b"2", b"2", b"3", b"3"]
    assert list(clients.answered) == ["ann", "bo"]


def test_patient_clients_come_again_when_the_server_is_busy() -> None:
    """A 429 is an answer for later, until another one comes."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        clients = Strangers(f"http://127.0.0.1:{server.getsockname()[1]}/", patient=True)
        serving = pool.submit(_serve, server, (3,), refusals=2)
        clients.post("ann", b"1")
        clients.finish()
        clients.close()
        assert serving.result() == [b"1", b"1", b"1", b""]
    assert list(clients.answered) == ["ann"]


def _serve(server: socket.socket, answers: tuple[int, ...], *, refusals: int = 0) -> list[bytes]:
    """Answer this many requests on each connection, then read one more and close; returns the requests read.

    The first `refusals` are answered with 429.
    """
    read = []
    for count in answers:
        connection, _ = server.accept()
        connection.settimeout(10)
        with connection:
            for _ in range(count):
                read.append(connection.recv(99))
                status = b"429 Too Many Requests" if len(read) <= refusals else b"200 OK"
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
            read.append(connection.recv(99))
    return read


def test_the_benchmark_of_webhooks_begins_each_round_with_nothing(gateway: Gateway) -> None:
    """It empties the tables by the names that they have now."""
    put(gateway, "{}")
    with gateway.database.transaction() as connection:
        empty(connection)
        assert connection.scalar(text("select count(*) from notifications")) == 0
