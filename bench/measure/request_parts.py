"""Where the CPU of a single post goes in a web process, by part: `python -m bench.measure.request_parts --posts 8000`.

One thread calls the WSGI application itself, with a real PostgreSQL and Valkey, and no server. Every millisecond of CPU
time a signal notes which part runs, so waiting costs nothing, and a busy machine changes the parts alike.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from types import FrameType
from typing import Any, Final
from wsgiref.util import setup_testing_defaults

from app import telemetry
from app.web.application import create_app
from bench.load.web import mail_to
from bench.stage.stage import stage
from config import load
from tests.support.gateway.gateways import issue

WARM: Final = 200
"""Posts before those that are measured."""

_EVERY_S: Final = 0.001
_REST: Final = "Flask: the request, its route, headers of the answer"
_PARTS: Final = {
    "admit": "the key, and how many requests it may make",
    "read_query": "the query string",
    "_body": "JSON",
    "check": "fields and addresses",
    "Accept.faults": "rules of the email",
    "read_idempotency": "fingerprints of the body",
    "Gate.suppressed": "look into Redis",
    "Accept._new_email": "rows, and the body sealed",
    "Keep.__call__": "statements and commit",
    "Accept._ring": "the bell",
    "written": "JSON of the answer",
}


class Sampler:
    """Notes which part runs, at every tick of this process's CPU time."""

    def __init__(self) -> None:
        self.ticks: Counter[str] = Counter()

    def note(self, _signal: int, frame: FrameType | None) -> None:
        """Count this tick for the outermost part on the stack."""
        self.ticks[next((_PARTS[name] for name in reversed([*_names(frame)]) if name in _PARTS), _REST)] += 1


def _names(frame: FrameType | None) -> Iterator[str]:
    """The functions on the stack, the innermost first."""
    while frame is not None:
        yield frame.f_code.co_qualname
        frame = frame.f_back


def main() -> None:
    """Post, and print a line for each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=8000)
    posts: int = parser.parse_args().posts
    with stage(latency_ms=60) as there:
        os.environ["REQUESTS_PER_SECOND"] = "100000"
        telemetry.configure("WARNING")
        token = issue(there.gateway, app="bench").token
        there.gateway.positives.rebuild(())
        post = _poster(create_app(load()), token)
        for number in range(WARM):
            post(number)
        sampler = Sampler()
        signal.signal(signal.SIGPROF, sampler.note)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
        began = time.thread_time()
        for number in range(WARM, WARM + posts):
            post(number)
        each_us = (time.thread_time() - began) / posts * 1e6
        signal.setitimer(signal.ITIMER_PROF, 0)
    total = sampler.ticks.total()
    for part, ticks in sampler.ticks.most_common():
        sys.stdout.write(f"{part:55}{100 * ticks / total:6.1f} %{each_us * ticks / total:9.0f} us\n")
    sys.stdout.write(f"{'all of it':55}{100:6.1f} %{each_us:9.0f} us\n")


def _poster(app: Any, token: str) -> Callable[[int], None]:
    def post(number: int) -> None:
        body = json.dumps(mail_to(f"person{number}@example.net")).encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/v1/emails",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"Bearer {token}",
            "HTTP_IDEMPOTENCY_KEY": f"post-{number}",
            "wsgi.input": BytesIO(body),
        }
        setup_testing_defaults(environ)
        statuses: list[str] = []
        answer = app(environ, lambda status, _headers, _error=None: statuses.append(status))
        b"".join(answer)
        answer.close()
        if statuses != ["200 OK"]:
            raise RuntimeError(f"not every request was answered with 200: {statuses}")

    return post


if __name__ == "__main__":
    main()
