"""A gateway that reaches the internet through a proxy only: `HTTPS_PROXY` and `NO_PROXY`."""

import socket
import threading
from pathlib import Path
from typing import Final

import pytest

from app.domain.webhooks.post_result import PostOutcome
from app.net.proxy import Proxy
from tests.support.servers.tls import self_signed
from tests.support.webhooks.posting import HOST, Names, poster
from tests.support.webhooks.receiver import Answer, receiving, saying, silent

IMPATIENT_S: Final = 0.4


def leading_to(port: int) -> Answer:
    """An answer of a proxy: a way to this port of loopback, whatever was asked for."""

    def answer(client: socket.socket, _over: threading.Event) -> None:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as server:
            back = threading.Thread(target=pour, args=(server, client), daemon=True)
            back.start()
            pour(client, server)
            back.join(5)

    return answer


def pour(source: socket.socket, target: socket.socket) -> None:
    while part := source.recv(65536):
        target.sendall(part)
    target.shutdown(socket.SHUT_WR)


def at(port: int, user: str = "", exempt: str = "") -> Proxy:
    return Proxy.at(f"http://{user}127.0.0.1:{port}", exempt=exempt)


@pytest.mark.parametrize("known", [["93.184.216.34"], [], None])
def test_the_proxy_leads_to_the_endpoint_and_sees_no_content(tmp_path: Path, known: list[str] | None) -> None:
    """It looks up the name, which this host may not be able to; TLS goes through it to the endpoint."""
    certificate, context = self_signed(tmp_path, HOST)
    with receiving(tls=context) as receiver, receiving(leading_to(receiver.port)) as proxy:
        through = poster(Names(known), ca_file=certificate, proxy=at(proxy.port, "kim:p%40ss@"))
        result = through.post(f"https://{HOST}/in", {}, b"{}")
    [(line, headers, _)] = proxy.requests
    assert (result.outcome, receiver.requests[0][0]) == (PostOutcome.ACCEPTED, "POST /in HTTP/1.1")
    assert (line, headers["proxy-authorization"]) == (f"CONNECT {HOST}:443 HTTP/1.1", "Basic a2ltOnBAc3M=")
    assert "proxy-authorization" not in receiver.requests[0][1]


def test_what_is_private_here_is_not_asked_of_the_proxy() -> None:
    """A proxy often stands inside, and would reach it."""
    with receiving() as proxy:
        for url in (f"https://{HOST}/", "https://10.0.0.1/", "https://169.254.169.254/"):
            result = poster(Names(["10.0.0.1"]), allowed=(), proxy=at(proxy.port)).post(url, {}, b"{}")
            assert result.outcome is PostOutcome.ADDRESS_REFUSED
    assert proxy.connections == 0


def test_a_host_that_is_exempt_is_reached_without_the_proxy(tmp_path: Path) -> None:
    """As `NO_PROXY` says; so is a receiver on this machine."""
    certificate, context = self_signed(tmp_path, HOST)
    with receiving() as proxy, receiving(tls=context) as receiver, receiving() as local:
        direct = poster(ca_file=certificate, proxy=at(proxy.port, exempt=".example.com,other.example"))
        assert direct.post(f"https://{HOST}:{receiver.port}/", {}, b"{}").outcome is PostOutcome.ACCEPTED
        assert direct.post(f"http://127.0.0.1:{local.port}/", {}, b"{}").outcome is PostOutcome.ACCEPTED
    assert proxy.connections == 0


@pytest.mark.parametrize("status", [302, 403, 407, 502])
def test_a_proxy_that_refuses_is_named(status: int) -> None:
    """The result tells the proxy's status from one of the endpoint."""
    with receiving(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()) as proxy:
        result = poster(proxy=at(proxy.port)).post(f"https://{HOST}/", {}, b"{}")
    assert (result.outcome, result.status) == (PostOutcome.UNREACHABLE, None)
    assert result.detail == f"the proxy answered {status}"


def test_a_silent_proxy_takes_no_longer_than_a_post_may() -> None:
    """The time of a post counts for all of it."""
    with receiving(silent) as proxy:
        result = poster(proxy=at(proxy.port), patience_s=IMPATIENT_S).post(f"https://{HOST}/", {}, b"{}")
    assert result.outcome is PostOutcome.TIMED_OUT
    assert result.seconds < 2 * IMPATIENT_S


def test_what_is_no_proxy_makes_no_error() -> None:
    """Something else listens there."""
    with receiving(saying(b"SSH-2.0-OpenSSH_9.9\r\n")) as other:
        assert poster(proxy=at(other.port)).post(f"https://{HOST}/", {}, b"{}").outcome is PostOutcome.UNREACHABLE


def test_a_proxy_is_used_only_where_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a test, or of a poster that was built without one, changes nothing."""
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        poster().post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")
        poster(allowed=["93.184.216.34"]).post(f"https://{HOST}:{receiver.port}/", {}, b"{}")
    assert (proxy.connections, receiver.connections) == (0, 1)


def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As boto3, pip and curl read it; without `HTTPS_PROXY` there is none."""
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert Proxy.of_environment() is None
    monkeypatch.setenv("HTTPS_PROXY", "http://kim:secret@proxy.example.com:8080")
    monkeypatch.setenv("NO_PROXY", "internal.example.com")
    proxy = Proxy.of_environment()
    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.is_for(HOST), proxy.is_for("internal.example.com")) == (
        "proxy.example.com",
        8080,
        True,
        False,
    )
    assert "secret" not in repr(proxy)
    assert (Proxy.at("proxy.example.com:3128").port, Proxy.at("http://proxy.example.com").port) == (3128, 80)
    for wrong in ("socks5://127.0.0.1", "https://proxy.example.com", "http://"):
        with pytest.raises(ValueError, match="must be an http:// URL"):
            Proxy.at(wrong)
