"""What the SMTP door does not allow: too many connections, too much time, too much at once. And how it stops."""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from app.smtp.door import Patience
from tests.support.smtp.doors import FROM, MESSAGE, FakeServices, Talk, running_door, until


def connect(port: int) -> Talk:
    return Talk(socket.create_connection(("127.0.0.1", port), timeout=10))


@pytest.mark.parametrize("limit", ["smtp_connections", "smtp_connections_per_address"])
def test_connections_have_a_bound(limit: str) -> None:
    """One more is turned away with 421; when another one has ended, there is room again."""
    with running_door(**dict[str, Any]({limit: 2})) as door, door.talk() as first, door.talk() as second:
        first.sign_in()
        second.sign_in()
        turned_away = connect(door.port)
        assert turned_away.reply().startswith("421 4.7.0")
        turned_away.connected.close()
        assert first.say(b"QUIT").startswith("221 ")
        first.connected.close()
        until(lambda: door.door.admission.connections == 1)
        with door.talk() as third:
            assert third.say(b"NOOP").startswith("250 ")


def test_clients_without_a_key_do_not_keep_others_out() -> None:
    """When the door is full, the one that has not signed in for the longest time gives way; no one that has does."""
    with running_door(smtp_connections=3) as door, door.talk() as signed_in, door.talk() as idle, door.talk() as other:
        signed_in.sign_in()
        with door.talk() as late:
            late.sign_in()
            assert idle.reply().startswith("421 4.7.0")
            assert other.say(b"NOOP").startswith("250 ")
            with door.talk():
                assert other.reply().startswith("421 4.7.0")
            assert signed_in.say(b"NOOP").startswith("250 ")
            assert late.say(b"NOOP").startswith("250 ")
        until(lambda: door.door.admission.connections == 1)
        assert not door.door.strangers


def test_sessions_of_one_key_have_a_bound() -> None:
    """One more is turned away when it signs in."""
    with running_door(smtp_connections_per_key=1) as door, door.talk() as first, door.talk() as second:
        first.sign_in()
        with pytest.raises(AssertionError):
            second.sign_in()
        assert second.reply() == ""
        assert first.say(b"NOOP").startswith("250 ")


@pytest.mark.parametrize(
    "patience, begin",
    [
        (Patience(looked_at_every=0.05, sign_in=0.1), lambda _: None),
        (Patience(looked_at_every=0.05, command=0.1), Talk.sign_in),
        (Patience(looked_at_every=0.05, session=0.1), Talk.sign_in),
        (Patience(looked_at_every=0.05, piece=0.1), Talk.begin_message),
        (Patience(looked_at_every=0.05, message=0.1), Talk.begin_message),
    ],
    ids=["sign in", "command", "session", "piece", "message"],
)
def test_a_slow_client_is_left(patience: Patience, begin: Callable[[Talk], None]) -> None:
    """It is told so, and its connection is closed."""
    with running_door(patience=patience) as door, door.talk() as talk:
        begin(talk)
        assert talk.reply().startswith("421 4.4.2")
        assert talk.reply() == ""


def test_slow_clients_take_no_thread() -> None:
    """While two hundred are in the middle of a message, another one is served with one thread."""
    with running_door(smtp_threads=1, smtp_connections_per_address=1000, smtp_connections_per_key=1000) as door:
        slow = [connect(door.port) for _ in range(200)]
        for talk in slow:
            talk.reply()
            talk.begin_message()
            talk.connected.sendall(b"From: org@exam")
        threads = [one for one in threading.enumerate() if one.name.startswith("smtp")]
        assert len(threads) == 1
        with door.signed_in() as client:
            client.sendmail(FROM, ["ann@example.net"], MESSAGE)
        for talk in slow:
            talk.connected.close()


def test_what_waits_for_a_thread_has_a_bound() -> None:
    """When the services hang, some clients wait and all others are asked to try again; then all goes on.

    All clients are of one application, which gets four fifths of the nine places.
    """
    may_go_on = threading.Event()
    services = FakeServices()
    with running_door(services, smtp_threads=1) as door:
        talks = [connect(door.port) for _ in range(15)]
        for talk in talks:
            talk.reply()
            talk.begin_message()
        services.before = lambda _: assert_true(may_go_on.wait(10))
        for talk in talks:
            talk.send(MESSAGE + b".")
        replies = Counter[str]()
        until(lambda: door.door.counts.waiting["smtp_message", "deferred"] >= 8)
        may_go_on.set()
        for talk in talks:
            replies[talk.reply()[:9]] += 1
            talk.connected.close()
    assert replies == {"250 2.0.0": 7, "451 4.3.2": 8}


def assert_true(value: object) -> None:
    assert value


def test_messages_together_have_a_bound() -> None:
    """A message for which there is no room is refused for now; there is room again when the other one is over."""
    with running_door(smtp_memory_bytes=100_000) as door, door.talk() as first, door.talk() as second:
        first.begin_message()
        first.connected.sendall(b"a" * 70_000)
        second.begin_message()
        second.send(b"a" * 70_000, b".")
        assert second.reply().startswith("452 4.3.1")
        first.send(b"", b".")
        assert first.reply().startswith("250 ")
        second.begin_another()
        second.send(b"a" * 70_000, b".")
        assert second.reply().startswith("250 ")


def test_a_door_that_stops_finishes_its_messages() -> None:
    """What is in DATA, or is being committed, gets its answer; all others get 421, and new ones are not let in."""
    may_commit = threading.Event()
    services = FakeServices()
    with running_door(services) as door, door.talk() as idle, door.talk() as sending, door.talk() as committing:
        idle.sign_in()
        sending.begin_message()
        committing.begin_message()
        services.before = lambda _: assert_true(may_commit.wait(10))
        committing.send(MESSAGE + b".")
        door.stop()
        assert idle.reply().startswith("421 4.3.2")
        assert idle.reply() == ""
        idle.connected.close()
        with pytest.raises(ConnectionRefusedError):
            connect(door.port)
        sending.send(MESSAGE.replace(b"<1@", b"<2@") + b".")
        may_commit.set()
        for talk in (sending, committing):
            assert talk.reply().startswith("250 2.0.0")
            assert talk.reply().startswith("421 4.3.2")
            talk.connected.close()
        began = time.monotonic()
        door.thread.join(10)
        assert time.monotonic() - began < 5
    assert len(services.submitted) == 2


def test_a_commit_goes_on_when_the_client_has_gone() -> None:
    """The client may repeat it; until then nothing is lost, and the door waits for it when it stops."""
    may_commit, began = threading.Event(), threading.Event()
    services = FakeServices()

    def wait(what: str) -> None:
        if what == "submit":
            began.set()
            assert may_commit.wait(10)

    with running_door(services) as door:
        with door.talk() as talk:
            talk.begin_message()
            services.before = wait
            talk.send(MESSAGE + b".")
            assert began.wait(10)
            talk.connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        until(lambda: not door.door.connections)
        door.stop()
        may_commit.set()
    assert len(services.submitted) == 1
