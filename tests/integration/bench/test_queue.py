"""The queues that the benchmarks of growth and memory make, and how they read what the kernel knows of processes."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from app.wiring import Gateway, build
from bench.arrivals import Strangers
from bench.calls import Counted
from bench.contestants import release
from bench.footprint import queued, together
from bench.lines import lined_up
from bench.meter import Meter
from bench.resident import resident
from tests.gateways import settings_for
from tests.mails import take


@pytest.fixture
def gateway(migrated_postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[Gateway]:
    """Benchmarks run on PostgreSQL alone."""
    with closing(build(settings_for(migrated_postgres_url, redis_url, flight_dir=tmp_path / "flight"))) as built:
        yield built


def test_those_behind_wait_until_those_ahead_are_gone(gateway: Gateway) -> None:
    """None is claimed while the lane is filled; then first those that were accepted, in spite of their number."""
    with lined_up(gateway, ahead=3, behind=250):
        assert take(gateway).mails == ()
        release(gateway)
        first, then = take(gateway, limit=3), take(gateway, limit=300)
        assert all(mine.recipient.address.startswith("person") for mine in first.mails)
        assert len({mine.recipient.address for mine in then.mails}) == 250
    assert take(gateway).mails == ()


def test_a_line_holds_nothing_of_the_one_before(gateway: Gateway) -> None:
    """Else a short queue would be as long as the longest that was measured."""
    with lined_up(gateway, ahead=2, behind=50):
        pass
    with lined_up(gateway, ahead=2):
        release(gateway)
        assert len(take(gateway).mails) == 2


def test_a_queued_mail_takes_its_text_and_some_rows(gateway: Gateway) -> None:
    """The text is in `emails`; who is to get it is in `recipients`, with its indexes."""
    found = {one.table: one for one in queued(gateway, 200)}
    assert found["emails"].rows > 6000
    assert found["recipients"].indexes > 0
    assert together(list(found.values())) > found["emails"].rows


def test_the_meter_tells_whose_cpu_it_was_and_what_was_written(gateway: Gateway) -> None:
    """A query that the server works on costs us next to nothing, and work of our own costs the server nothing."""
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


def test_processes_are_known_by_what_they_run() -> None:
    """Beat is a worker by its command, and tells no bells; its memory is counted apart."""
    words = (sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "worker.celery")
    with subprocess.Popen((*words, "beat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as beat:
        assert beat.stdout is not None
        beat.stdout.readline()
        found = [one for one in resident() if one.pid == beat.pid]
        beat.communicate()
    assert [(one.role, one.main) for one in found] == [("beat", False)]
    assert found[0].rss >= found[0].pss > 0
    assert beat.pid not in {one.pid for one in resident()}


def test_calls_are_counted_from_the_moment_on(tmp_path: Path) -> None:
    """Each once, however often it is asked."""
    journal = tmp_path / "calls"
    journal.write_text("1.0 1 ann@example.net\n")
    counted = Counted(journal)
    assert counted() == 0
    with journal.open("a") as out:
        out.write("2.0 1 bo@example.net\n3.0 1 cy@example.net\n")
    assert (counted(), counted()) == (2, 2)


def test_clients_that_are_patient_post_again_what_was_left_unanswered() -> None:
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


def _serve(server: socket.socket, answers: tuple[int, ...]) -> list[bytes]:
    """Answer so many requests on each connection, then read one more and close; what was read."""
    read = []
    for count in answers:
        connection, _ = server.accept()
        with connection:
            for _ in range(count):
                read.append(connection.recv(99))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            read.append(connection.recv(99))
    return read
