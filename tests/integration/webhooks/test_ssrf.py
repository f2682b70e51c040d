"""Posts that would reach into the network around Postern: none is made, as a real server beside it sees."""

import json
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest

from app.domain.webhooks.post_result import PostOutcome
from tests.support.house.sources import CHECKOUT
from tests.support.servers.tls import self_signed
from tests.support.webhooks.posting import HOST, Names, poster
from tests.support.webhooks.receiver import Receiver, receiving

CORPUS: Final = json.loads((CHECKOUT / "tests" / "corpus" / "ssrf.json").read_text(encoding="utf-8"))
PUBLIC: Final = "93.184.216.34"


@pytest.fixture
def within() -> Iterator[Receiver]:
    """A server on loopback, which no post may reach."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that this process connects to. Only loopback answers: the tests need no network."""
    tried: list[Any] = []
    connect = socket.socket.connect

    def watched(itself: socket.socket, address: Any) -> None:
        tried.append(address[:2])
        if not ip_address(address[0]).is_loopback:
            raise ConnectionRefusedError
        connect(itself, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    return tried


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case['url']} {case.get('answers', '')}")
def test_every_post_of_the_corpus_is_refused(case: dict[str, Any], within: Receiver, connected: list[Any]) -> None:
    """By its URL, or by what the host resolves to; nothing is connected to, and the reason names no address."""
    answers = case.get("answers", [PUBLIC])
    result = poster(Names(answers), allowed=()).post(case["url"].replace("{port}", str(within.port)), {}, b"{}")
    assert (result.outcome, result.status) == (PostOutcome.ADDRESS_REFUSED, None)
    assert (connected, within.connections) == ([], 0)
    assert not any(answer in result.detail for answer in answers)


def test_the_corpus_is_of_the_promised_size() -> None:
    """At least 60 cases, each once."""
    assert len({(case["url"], str(case.get("answers"))) for case in CORPUS}) == len(CORPUS) >= 60


def test_a_public_host_is_connected_to(connected: list[Any]) -> None:
    """A poster that refused everything would pass the corpus."""
    result = poster(Names([PUBLIC]), allowed=()).post(f"https://{HOST}/", {}, b"{}")
    assert connected == [(PUBLIC, 443)]
    assert result.outcome is PostOutcome.UNREACHABLE


@pytest.mark.parametrize("later", ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1"])
def test_the_connection_goes_to_the_address_that_was_checked(later: str, connected: list[Any]) -> None:
    """The DNS changes its answer after the first: it is asked once, and what it said then is where the post goes."""
    rebinding = Names([PUBLIC], [later])
    poster(rebinding, allowed=()).post(f"https://{HOST}/", {}, b"{}")
    assert (rebinding.asked, connected) == ([HOST], [(PUBLIC, 443)])


def test_a_name_that_is_rebound_never_reaches_the_server_beside(tmp_path: Path) -> None:
    """Two servers at one port: the address that was checked is posted to, the one that the DNS has next is not."""
    certificate, context = self_signed(tmp_path, HOST)
    with (
        receiving(host="127.0.0.2", tls=context) as checked,
        receiving(host="127.0.0.1", port=checked.port) as beside,
    ):
        rebinding = Names(["127.0.0.2"], ["127.0.0.1"])
        posting = poster(rebinding, allowed=["127.0.0.2"], ca_file=certificate)
        url = f"https://{HOST}:{checked.port}/"
        first, second = posting.post(url, {}, b"{}"), posting.post(url, {}, b"{}")
    assert (first.outcome, second.outcome) == (PostOutcome.ACCEPTED, PostOutcome.ADDRESS_REFUSED)
    assert (checked.connections, beside.connections) == (1, 0)


@pytest.mark.parametrize("name", ["localhost", "hooks.example.com"])
def test_the_resolver_of_the_system_is_not_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could answer differently from the look-up that was checked."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def watched(host: str, *rest: Any, **named: Any) -> Any:
        asked.append(host)
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    with receiving() as receiver:
        scheme = "http" if name == "localhost" else "https"
        poster().post(f"{scheme}://{name}:{receiver.port}/", {}, b"{}")
    assert set(asked) <= {"127.0.0.1", "::1"}
    assert receiver.connections == 1
