"""Whether a domain takes email, as a DNS server on loopback answers: a real resolver, real packets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.resolver import Resolver

from app.services.submission.check import Check
from app.services.submission.mx_lookup import AT_A_TIME, MailHosts, SystemDns
from app.services.suppression.gate import Gate
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT

ZONE = {
    ("mail.example.", "MX"): "10 mx.mail.example.",
    ("bare.example.", "A"): "192.0.2.1",
    ("six.example.", "AAAA"): "2001:db8::1",
    ("null.example.", "MX"): "0 .",
    ("null.example.", "A"): "192.0.2.2",
    ("empty.example.", "TXT"): '"nothing to see"',
}
SILENT, BROKEN = "silent.example.", "broken.example."


@contextmanager
def name_server(asked: list[str]) -> Iterator[Resolver]:
    """A server that has `ZONE`, and a resolver that asks it; `asked` lists the questions."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serve, args=(server, asked))
        thread.start()
        resolver = Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = server.getsockname()[1]
        try:
            yield resolver
        finally:
            server.sendto(b"", server.getsockname())
            thread.join()


def serve(server: socket.socket, asked: list[str]) -> None:
    while True:
        packet, client = server.recvfrom(4096)
        if not packet:
            return
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name, kind = question.name.to_text(), question.rdtype.name
        asked.append(f"{name} {kind}")
        if name == SILENT:
            continue
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif record := ZONE.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, record))
        elif not any(name == known for known, _ in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        server.sendto(answer.to_wire(), client)


@pytest.mark.parametrize(
    "domain, takes_mail",
    [
        ("mail.example", True),
        ("bare.example", True),
        ("six.example", True),
        ("null.example", False),
        ("empty.example", False),
        ("nowhere.example", False),
        ("broken.example", None),
        ("silent.example", None),
    ],
)
def test_the_dns_decides_whether_a_domain_takes_email(domain: str, takes_mail: bool | None) -> None:
    """An MX, or an address in its place, is a yes; a null MX and an unknown name are a no; no answer is no verdict."""
    with name_server([]) as resolver:
        assert SystemDns(resolver).takes_mail(domain) is takes_mail


def test_a_verdict_is_remembered_for_a_while() -> None:
    """A yes and a no are kept for an hour by the clock of the process; a question without a verdict is asked again."""
    asked: list[str] = []
    passed = 0.0
    with name_server(asked) as resolver:
        hosts = MailHosts(SystemDns(resolver), monotonic=lambda: passed)
        for _ in range(2):
            found = hosts.without(["mail.example", "nowhere.example", "broken.example"])
            assert found == {"nowhere.example"}
        assert asked.count("mail.example. MX") == 1
        assert asked.count("nowhere.example. MX") == 1
        assert asked.count("broken.example. MX") >= 2
        passed = 3601.0
        hosts.without(["mail.example"])
        assert asked.count("mail.example. MX") == 2
        hosts.close()


class StubbornDns:
    """A DNS that answers no question until the test releases it, and counts how many wait at a time."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.waiting = 0
        self.most = 0
        self._lock = threading.Lock()

    def takes_mail(self, domain: str) -> bool | None:
        with self._lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        self.let_go.wait()
        with self._lock:
            self.waiting -= 1
        return domain == "mail.example"


def test_a_dns_that_hangs_delays_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes without a verdict once the time is over, and no more questions wait than there are threads."""
    monkeypatch.setattr("app.services.submission.mx_lookup.ALL_WITHIN_S", 0.2)
    dns = StubbornDns()
    hosts = MailHosts(dns)
    try:
        assert hosts.without(f"d{number}.example" for number in range(200)) == frozenset()
        assert dns.most <= AT_A_TIME
    finally:
        dns.let_go.set()
        hosts.close()


def test_a_check_reports_a_domain_without_mx_and_would_still_send(gateway: Gateway) -> None:
    """The DNS is only a hint: only the suppression list keeps an email from being sent."""
    with name_server([]) as resolver:
        hosts = MailHosts(SystemDns(resolver))
        gate = Gate(database=gateway.database, positives=gateway.positives, pseudonyms=gateway.pseudonyms)
        check = Check(database=gateway.database, gate=gate, mail_hosts=hosts)
        checked = check(ROOT, ["a@mail.example", "a@nowhere.example", "a@broken.example", "no address"])
        assert [one.no_mx for one in checked] == [False, True, False, None]
        assert [one.would_send for one in checked] == [True, True, True, False]
        check.close()
