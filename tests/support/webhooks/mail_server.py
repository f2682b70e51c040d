"""A mail server on loopback that speaks as much SMTP as a client needs, and keeps what it takes."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

_OCTETS: Final = 100


@dataclass
class MailServer:
    """What it was given, and how it answers each verb: by a text of its own, or `None` never.

    Its greeting is the answer to "". What ends with `-` goes on for some seconds, an octet after another.
    """

    port: int = 0
    answers: dict[str, str | None] = field(default_factory=dict)
    recipients: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    hosts: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"smtp://{self.hosts}:{self.port}"


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    server: "_Server"

    def handle(self) -> None:
        """Answer each line."""
        with suppress(ConnectionError):
            self._answer("", "220 mail.test")
            for line in self.rfile:
                words = line.decode().strip()
                self._obey(words[:4].upper(), words)

    def _obey(self, verb: str, words: str) -> None:
        state = self.server.state
        if verb == "RCPT":
            state.recipients.append(words.partition("<")[2].partition(">")[0])
        if verb == "DATA":
            self._say("354 Go on")
            state.messages.append(self._message())
        self._answer(verb, "221 Bye" if verb == "QUIT" else "250 OK")

    def _answer(self, verb: str, usual: str) -> None:
        answer = self.server.state.answers.get(verb, usual)
        if answer is None:
            self.rfile.read()
        elif answer.endswith("-"):
            self._drip(answer)
        else:
            self._say(answer)

    def _drip(self, text: str) -> None:
        self.wfile.write(text.encode())
        for _ in range(_OCTETS):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def _message(self) -> str:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.decode())
        return "".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, state: MailServer) -> None:
        self.state = state
        super().__init__((state.hosts, 0), Session)
        state.port = self.server_address[1]


@contextmanager
def running_mail_server(hosts: str = "127.0.0.1") -> Iterator[MailServer]:
    """Run one until the block ends."""
    state = MailServer(hosts=hosts)
    with _Server(state) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()
