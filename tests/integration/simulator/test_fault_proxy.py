"""The proxy that plays a bad network, in front of a server that repeats everything."""

import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from simulator.network.proxy import Damage, Weather, tcp, unix
from simulator.network.proxy_thread import Proxies

CHECKOUT = Path(__file__).resolve().parents[3]
PATIENCE_S = 5.0


class SaysTwice(socketserver.StreamRequestHandler):
    """Answers each line with itself, twice."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(2 * line)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """These tests reset connections on purpose."""


@pytest.fixture
def server() -> Iterator[int]:
    """The port of the server."""
    with Server(("127.0.0.1", 0), SaysTwice) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running.server_address[1]
        running.shutdown()
        thread.join()


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    with Proxies() as made:
        yield made


def test_a_server_that_is_gone_is_refused_by_the_system_until_it_is_back(proxies: Proxies, server: int) -> None:
    """Open connections are reset and new ones refused; afterwards it is reached at the same port again."""
    port = proxies.open("gone", tcp("127.0.0.1", server))
    address = ("127.0.0.1", port)
    with socket.create_connection(address, timeout=PATIENCE_S) as open_one:
        proxies.change("gone", Weather(damage=Damage.GONE))
        with pytest.raises(ConnectionResetError):
            open_one.recv(1)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=PATIENCE_S)
    proxies.change("gone")
    with socket.create_connection(address, timeout=PATIENCE_S) as again:
        again.sendall(b"hello\n")
        assert again.recv(12) == b"hello\nhello\n"


@pytest.fixture
def dial(proxies: Proxies, server: int) -> Callable[[], socket.socket]:
    """Connect to the server, through the proxy `echo`."""
    port = proxies.open("echo", tcp("127.0.0.1", server))
    return lambda: socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def said_to(connection: socket.socket, line: bytes = b"hello\n") -> bytes:
    """The bytes that come back until the connection ends or the line came twice."""
    connection.sendall(line)
    answered = b""
    while len(answered) < 2 * len(line) and (piece := connection.recv(4096)):
        answered += piece
    return answered


def say_anew(dial: Callable[[], socket.socket]) -> None:
    """Connect and send, which fails at once or a little later when the connection is reset."""
    with closing(dial()) as connection:
        while said_to(connection):
            time.sleep(0.01)


def test_a_fair_network_passes_everything(dial: Callable[[], socket.socket]) -> None:
    """Megabytes arrive whole, both ways."""
    line = b"x" * 1_000_000 + b"\n"
    with closing(dial()) as connection:
        writer = threading.Thread(target=connection.sendall, args=(line,))
        writer.start()
        answered = b""
        while len(answered) < 2 * len(line):
            answered += connection.recv(65_536)
        writer.join()
    assert answered == 2 * line


def test_the_end_of_one_half_is_passed_on(dial: Callable[[], socket.socket]) -> None:
    """A client that has closed its half still gets the answer."""
    with closing(dial()) as connection:
        connection.sendall(b"hello\n")
        connection.shutdown(socket.SHUT_WR)
        answered = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answered == b"hello\nhello\n"


def test_latency_delays_each_way(proxies: Proxies, dial: Callable[[], socket.socket]) -> None:
    """A request and its answer are late by twice the latency."""
    proxies.change("echo", Weather(latency=0.1))
    with closing(dial()) as connection:
        began = time.monotonic()
        assert said_to(connection) == b"hello\nhello\n"
    assert time.monotonic() - began >= 0.2


def test_a_connection_is_cut_within_an_answer(proxies: Proxies, dial: Callable[[], socket.socket]) -> None:
    """That many bytes of the answer arrive, then only a reset."""
    proxies.change("echo", Weather(cut_after=8))
    with closing(dial()) as connection:
        connection.sendall(b"hello\n")
        assert connection.recv(4096) == b"hello\nhe"
        with pytest.raises(ConnectionResetError):
            connection.recv(4096)


def test_a_black_hole_swallows_until_it_closes(proxies: Proxies, dial: Callable[[], socket.socket]) -> None:
    """Open and new connections hang; the bytes sent meanwhile arrive when the network is fair again."""
    with closing(dial()) as old:
        assert said_to(old) == b"hello\nhello\n"
        proxies.change("echo", Weather(damage=Damage.BLACK_HOLE))
        with closing(dial()) as new:
            for connection in (old, new):
                connection.settimeout(0.2)
                connection.sendall(b"late\n")
                with pytest.raises(TimeoutError):
                    connection.recv(4096)
            proxies.change("echo")
            for connection in (old, new):
                connection.settimeout(PATIENCE_S)
                assert connection.recv(4096).startswith(b"late\n")


def test_a_reset_ends_open_connections(proxies: Proxies, dial: Callable[[], socket.socket]) -> None:
    """Every open connection fails at once, and new ones as long as the fault lasts; afterwards all is well."""
    with closing(dial()) as connection:
        assert said_to(connection) == b"hello\nhello\n"
        proxies.change("echo", Weather(damage=Damage.RESET))
        with pytest.raises(ConnectionResetError):
            connection.recv(4096)
    with pytest.raises(ConnectionError):
        say_anew(dial)
    proxies.change("echo")
    with closing(dial()) as connection:
        assert said_to(connection) == b"hello\nhello\n"


def test_a_server_that_is_gone_is_a_reset(proxies: Proxies, tmp_path: Path) -> None:
    """Without the server behind the proxy, a connection is made and ends at once."""
    port = proxies.open("absent", unix(tmp_path / "socket"))
    with pytest.raises(ConnectionError):
        say_anew(lambda: socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S))
    assert proxies.connections("absent") == 1


def test_proxies_may_be_a_process(server: int) -> None:
    """It follows commands in lines of JSON, and ends with its input."""
    command = [sys.executable, "-m", "simulator.network.proxy_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        questions, answers = process.stdin, process.stdout
        assert questions is not None
        assert answers is not None

        def ask(question: object) -> Any:
            questions.write(json.dumps(question) + "\n")
            questions.flush()
            return json.loads(answers.readline())

        port = ask({"open": "echo", "tcp": ["127.0.0.1", server]})["port"]

        def dial() -> socket.socket:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

        with closing(dial()) as connection:
            assert said_to(connection) == b"hello\nhello\n"
        assert ask({"change": "echo", "weather": {"damage": "refuse"}}) == {}
        with pytest.raises(ConnectionError):
            say_anew(dial)
        questions.close()
        assert process.wait(PATIENCE_S) == 0
