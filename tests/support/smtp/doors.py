"""SMTP doors for tests: real sockets, and services that answer as the test says."""

import asyncio
import base64
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import InvalidApiKey
from app.services.submission.check import Obstacle
from app.services.submission.doors.submit_raw import RawReceipt
from app.smtp.door import Door, Patience
from app.smtp.handler import Services
from app.smtp.open_door import make_door
from app.smtp.server import Place, Server
from tests.support.gateway.gateways import settings_for

KEY_ID, SECRET = "ptn_abcdefghijkl", "s" * 43
CALLER = Caller(
    actor="key:abcdefghijkl",
    app_id=UUID(int=1),
    app="invitations",
    scopes=frozenset({Scope.EMAILS_SEND}),
    senders=("*",),
    default_lane="transactional",
)
FROM = "org@example.com"
MESSAGE = b"From: org@example.com\r\nTo: ann@example.net\r\nMessage-ID: <1@example.com>\r\n\r\nDo come.\r\n"


@dataclass
class FakeServices:
    """Keeps what is submitted. `before` is called before each; it may block, or raise what the services raise."""

    suppressed: dict[str, Obstacle] = field(default_factory=dict)
    submitted: list[tuple[bytes, tuple[str, ...]]] = field(default_factory=list)
    requests: list[UUID] = field(default_factory=list)
    repeats: dict[bytes, UUID] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None
    caller: Caller = CALLER

    def authenticate(self, user: str, password: str) -> Caller:
        """The caller of the one key."""
        self.before("authenticate")
        if (user, password) != (KEY_ID, SECRET):
            raise InvalidApiKey("The key is not known, or was revoked, or has expired.")
        return self.caller

    def vet_recipient(self, _caller: Caller, address: str, _others: int) -> Obstacle | None:
        """What the test has set for the address."""
        self.before("vet_recipient")
        return self.suppressed.get(address)

    def submit(
        self, caller: Caller, raw: bytes, envelope: tuple[str, ...], *, content: bytes | None, request_id: UUID
    ) -> RawReceipt:
        """Keep the message, once for each content."""
        self.before("submit")
        if content is not None and content in self.repeats:
            return RawReceipt(self.repeats[content], (), replayed=True)
        assert caller.app == self.caller.app
        self.submitted.append((raw, envelope))
        self.requests.append(request_id)
        receipt = RawReceipt(UUID(int=len(self.submitted)), (), replayed=False)
        if content is not None:
            self.repeats[content] = receipt.id
        return receipt

    def as_services(self) -> Services:
        """As the door takes them."""
        return Services(authenticate=self.authenticate, vet_recipient=self.vet_recipient, submit=self.submit)


@dataclass
class RunningDoor:
    """A door that listens on loopback: `port` with STARTTLS if there is a certificate, `tls_port` with TLS at once."""

    server: Server
    door: Door
    loop: asyncio.AbstractEventLoop
    ports: list[int]
    thread: threading.Thread

    @property
    def port(self) -> int:
        """The port of the first place."""
        return self.ports[0]

    @property
    def tls_port(self) -> int:
        """The port of the second place."""
        return self.ports[1]

    def client(self) -> smtplib.SMTP:
        """A client that has not said anything yet."""
        return smtplib.SMTP("127.0.0.1", self.port, timeout=10, local_hostname="client.example")

    @contextmanager
    def signed_in(self) -> Iterator[smtplib.SMTP]:
        """A client with the one key, in the clear."""
        with self.client() as client:
            client.login(KEY_ID, SECRET)
            yield client

    @contextmanager
    def talk(self) -> Iterator["Talk"]:
        """A client that sends octets as the test says; it has read the greeting."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connected:
            talk = Talk(connected)
            assert talk.reply().startswith("220 ")
            yield talk

    def stop(self) -> None:
        """Begin to stop; the thread ends when the door has."""
        self.loop.call_soon_threadsafe(self.server.stop)


@dataclass
class Talk:
    """The octets of one client."""

    connected: socket.socket
    _rest: bytes = b""

    def send(self, *lines: bytes) -> None:
        """Send the lines at once, each with CR LF."""
        self.connected.sendall(b"".join(line + b"\r\n" for line in lines))

    def reply(self) -> str:
        """The last line of the next reply; empty when the server has closed."""
        while True:
            while b"\n" not in self._rest:
                piece = self.connected.recv(4096)
                if not piece:
                    return ""
                self._rest += piece
            line, _, self._rest = self._rest.partition(b"\n")
            if line[3:4] != b"-":
                return line.decode().rstrip("\r")

    def say(self, line: bytes) -> str:
        """Send a line, and read its reply."""
        self.send(line)
        return self.reply()

    def sign_in(self) -> None:
        """Greet, and sign in with the one key."""
        assert self.say(b"EHLO client.example").startswith("250 ")
        answer = base64.b64encode(f"\0{KEY_ID}\0{SECRET}".encode())
        assert self.say(b"AUTH PLAIN " + answer).startswith("235 ")

    def begin_message(self, *recipients: str) -> None:
        """Sign in and go as far as DATA."""
        self.sign_in()
        self.begin_another(*recipients)

    def begin_another(self, *recipients: str) -> None:
        """Go as far as DATA."""
        assert self.say(b"MAIL FROM:<org@example.com>").startswith("250 ")
        for one in recipients or ("ann@example.net",):
            assert self.say(f"RCPT TO:<{one}>".encode()).startswith("250 ")
        assert self.say(b"DATA").startswith("354 ")


@contextmanager
def running_door(
    services: FakeServices | Services | None = None, *, patience: Patience | None = None, **more: Any
) -> Iterator[RunningDoor]:
    """A door on free ports of loopback; `more` are settings."""
    given = services or FakeServices()
    asked = given.as_services() if isinstance(given, FakeServices) else given
    settings = settings_for("sqlite:///unused.db", "redis://127.0.0.1:1/0", smtp_clear_auth_on_loopback=True)
    settings = settings.model_copy(update=more)
    door = make_door(settings, asked, patience=patience or Patience())
    with serving(door) as running:
        yield running


@contextmanager
def serving(door: Door) -> Iterator[RunningDoor]:
    """The door in a thread of its own, and stopped at the end."""
    places = [Place("127.0.0.1", 0), *([Place("127.0.0.1", 0, tls_at_once=True)] if door.certificate else [])]
    server = Server(door, places, beat=lambda _: None)
    opened: list[asyncio.AbstractEventLoop] = []
    ready = threading.Event()

    async def serve() -> None:
        await server.open()
        opened.append(asyncio.get_running_loop())
        ready.set()
        await server.run()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    running = RunningDoor(server, door, opened[0], server.ports, thread)
    try:
        yield running
    finally:
        if thread.is_alive():
            running.stop()
        thread.join(30)
        assert not thread.is_alive()


def until(true: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Wait until it is true."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.01)


def with_scopes(*scopes: Scope) -> Caller:
    """The caller with these scopes in place of its own."""
    return replace(CALLER, scopes=frozenset(scopes))
