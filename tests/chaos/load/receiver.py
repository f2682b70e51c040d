"""The application's receiver of webhooks: it notes each delivery in the journal before it answers.

A few of its answers are wrong on purpose, as those of real ones are: an error, a connection that ends once the delivery
was noted, a slow answer. No delivery meets two of them: after four it would be put off for longer than a drill lasts.
Longer outages are faults of the plan.
"""

import json
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.chaos.load.journal import Journal

LONGEST_BODY: Final = 100_000
FAILS, FORGETS, DAWDLES = 0.02, 0.02, 0.01
DAWDLES_S: Final = 1.0


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over connections that a fault has broken; the gateway delivers again."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Receiver:
    """Listens on a loopback port from `start` until `stop`; its mishaps follow from the seed."""

    def __init__(self, journal: Journal, *, seed: int) -> None:
        self._journal = journal
        self._dice = random.Random(f"receiver {seed}")
        self._unlucky: set[str] = set()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_address[1]

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receive = self._receive

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST_BODY))
                status = receive(self.headers.get("webhook-id", ""), json.loads(body))
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing: the journal has it."""

        return Handler

    def _receive(self, delivery: str, content: dict[str, Any]) -> int | None:
        """The status to answer with; None for no answer at all."""
        luck = self._dice.random() if delivery not in self._unlucky else 1.0
        if luck < FAILS + FORGETS:
            self._unlucky.add(delivery)
        if luck < FAILS:
            return 500
        data = content["data"]
        self._journal.write("received", id=delivery, type=content["type"], recipient_id=data["recipient_id"])
        if luck < FAILS + FORGETS:
            return None
        if luck < FAILS + FORGETS + DAWDLES:
            time.sleep(DAWDLES_S)
        return 200
