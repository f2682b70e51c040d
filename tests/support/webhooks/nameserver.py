"""A DNS server on loopback with a few records."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingUDPServer
from threading import Thread

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@contextmanager
def nameserver(
    records: Mapping[str, list[str]], *, rcode: dns.rcode.Rcode | None = None, failing: str | None = None
) -> Iterator[int]:
    """Serve these records by UDP on loopback; with `rcode` every question gets that. Yields the port.

    Questions for the kind `failing` get SERVFAIL.
    """

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            data, socket = self.request
            asked = dns.message.from_wire(data)
            answer = dns.message.make_response(asked)
            answer.flags |= dns.flags.RA
            [question] = asked.question
            name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
            found = records.get(f"{name} {kind}")
            if rcode is not None or kind == failing:
                answer.set_rcode(rcode or dns.rcode.Rcode.SERVFAIL)
            elif found is not None:
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
            elif not any(key.startswith(f"{name} ") for key in records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            socket.sendto(answer.to_wire(), self.client_address)

    with ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
