"""One application cannot block the gateway for others: over a real gunicorn, whose threads it would hold."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from sqlalchemy import create_engine, text

from tests.support.gateway.gateways import caller, gateway_on, issue
from tests.support.gateway.web import MAIL
from tests.support.servers.gunicorn import Served, asked, served

pytestmark = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)

PARALLEL = 64
NOWHERE = {
    "AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "made-up",
    "AWS_SECRET_ACCESS_KEY": "made-up",
}


@contextmanager
def flood(server: Served, path: str, token: str) -> Iterator[Counter[tuple[int, str]]]:
    """Clients of one application that repeat the same request; yields the answers by status and name."""
    over, door = threading.Event(), threading.Lock()
    came: Counter[tuple[int, str]] = Counter()

    def ask() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with urllib3.PoolManager(retries=False, timeout=60) as pool:
            while not over.is_set():
                answer = pool.request("DELETE", f"http://127.0.0.1:{server.port}{path}", headers=headers)
                with door:
                    came[answer.status, answer.json().get("name", "")] += 1
                if answer.status == 429:
                    assert answer.headers["Retry-After"] == "1"
                    over.wait(0.2)

    with ThreadPoolExecutor(PARALLEL) as clients:
        asking = [clients.submit(ask) for _ in range(PARALLEL)]
        try:
            yield came
        finally:
            over.set()
        for one in asking:
            one.result()


def test_blocked_requests_of_one_application_leave_threads_to_the_others(
    migrated_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Its requests wait for a locked row, and those beyond its share get 429; others are answered as usual."""
    with gateway_on(migrated_url, redis_url) as gateway, served(migrated_url, redis_url, tmp_path) as server:
        gateway.suppress.add(caller(gateway, app="flooding"), "kim@example.net")
        flooding, other = issue(gateway, app="flooding").token, f"Bearer {issue(gateway, app='other').token}"
        holder = create_engine(migrated_url).connect()
        with holder, holder.begin():
            holder.execute(text("SELECT id FROM suppressions FOR UPDATE"))
            with flood(server, "/v1/suppressions/kim@example.net?reason=asked", flooding) as came:
                deadline = time.monotonic() + 30
                while not came:  # the first has waited its two seconds, so the requests hold every thread that they may
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                began = time.monotonic()
                for _ in range(5):
                    assert asked(server.port, "GET", "/healthz").status == 200
                    assert asked(server.port, "POST", "/v1/emails", MAIL, Authorization=other).status == 200
                    assert asked(server.port, "GET", "/v1/emails", Authorization=other).status == 200
                # Each would wait for a round of blocked requests, two seconds at least.
                assert time.monotonic() - began < 15
        holder.engine.dispose()
        assert came.keys() >= {(429, "rate_limit_exceeded"), (503, "service_unavailable")}
        assert came.keys() <= {
            (429, "rate_limit_exceeded"),
            (503, "service_unavailable"),
            (200, ""),
            (404, "not_found"),
        }


def test_many_removals_at_once_do_not_wait_for_ses(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """SES allows one a second; 64 at once are all answered at once, and upkeep handles SES's list later."""
    settings = NOWHERE | {"REQUESTS_AT_ONCE": str(PARALLEL)}
    with (
        gateway_on(migrated_url, redis_url) as gateway,
        served(migrated_url, redis_url, tmp_path, settings=settings) as server,
    ):
        who, key = caller(gateway), f"Bearer {issue(gateway).token}"
        for number in range(PARALLEL):
            gateway.suppress.add(who, f"kim{number}@example.net")

        def remove(number: int) -> str:
            path = f"/v1/suppressions/kim{number}@example.net?reason=asked"
            answer = asked(server.port, "DELETE", path, Authorization=key)
            assert answer.status == 200, answer.data
            return str(answer.json()["ses_account"])

        began = time.monotonic()
        with ThreadPoolExecutor(PARALLEL) as clients:
            statuses = list(clients.map(remove, range(PARALLEL)))
            assert asked(server.port, "GET", "/healthz").status == 200
        assert Counter(statuses) == {"pending": PARALLEL}
        assert time.monotonic() - began < PARALLEL / 2
