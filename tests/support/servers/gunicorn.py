"""A real gunicorn over a migrated database, as deployed, and slow clients."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from app.cli.local.children.port_checks import answers, free_port
from tests.support.gateway.gateways import SECRET_KEY, TOPIC
from tests.support.servers.cli import CHECKOUT, surroundings, until

ANSWERED_WITHIN_S = 10.0
"""Generous for a loaded machine; a request that waits for a slow client waits at least the client's 15 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running gunicorn: its port, its process and its log file."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path


@contextmanager
def served(
    database_url: str, redis_url: str, directory: Path, *options: str, settings: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Run a gunicorn as deployed, but with one worker. `options` are added to its command line."""
    port = free_port()
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEYS": SECRET_KEY,
        "SNS_TOPIC_ARNS": TOPIC,
        **(settings or {}),
    }
    server = ("gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}", "--workers", "1", *options)
    file = directory / "gunicorn.log"
    with file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *server], cwd=CHECKOUT, env=surroundings(**environment), stdout=log, stderr=log
        )
        try:
            until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/healthz"))
            assert process.poll() is None, file.read_text()
            yield Served(port=port, process=process, log=file)
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def slow_clients(port: int, starts: Mapping[bytes, int]) -> Iterator[list[socket.socket]]:
    """Open connections that send only the beginning of a request: a number of them for each beginning."""
    with ExitStack() as opened:
        clients = []
        for start, number in starts.items():
            for _ in range(number):
                client = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
                client.sendall(start)
                clients.append(client)
        yield clients


def asked(port: int, method: str, path: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
    """Return the answer to a request on a new connection. Fails when none comes in time."""
    timeout = urllib3.Timeout(total=ANSWERED_WITHIN_S)
    with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        if isinstance(body, (dict, list)):
            headers["Content-Type"] = "application/json"
        return pool.request(method, f"http://127.0.0.1:{port}{path}", body=data, headers=headers)


def answer_on(client: socket.socket) -> tuple[int, bytes]:
    """Read until the server closes the connection, and return the status and the rest."""
    with client.makefile("rb") as stream:
        line = stream.readline()
        return int(line.split()[1]) if line else 0, stream.read()
