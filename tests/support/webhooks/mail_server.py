"""A mail server on loopback that speaks as much SMTP as a client needs, and keeps what it takes."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class MailServer:
    """What it was given, and how it answers RCPT."""

    port: int = 0
    answer_to_recipient: str = "250 OK"
    recipients: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    hosts: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"smtp://{self.hosts}:{self.port}"


@contextmanager
def running_mail_server(hosts: str = "127.0.0.1") -> Iterator[MailServer]:
    """Run one until the block ends."""
    state = MailServer(hosts=hosts)

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 mail.test")
            for line in self.rfile:
                words = line.decode().strip()
                verb = words[:4].upper()
                if verb == "QUIT":
                    self._say("221 Bye")
                    return
                if verb == "RCPT":
                    state.recipients.append(words.partition("<")[2].partition(">")[0])
                    self._say(state.answer_to_recipient)
                elif verb == "DATA":
                    self._say("354 Go on")
                    state.messages.append(self._message())
                    self._say("250 OK")
                else:
                    self._say("250 OK")

        def _message(self) -> str:
            lines = []
            for line in self.rfile:
                if line == b".\r\n":
                    break
                lines.append(line.decode())
            return "".join(lines)

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer((hosts, 0), Session) as server:
        server.daemon_threads = True
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()
