"""The web processes of Postern and the tutorial, and clients that post to them."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.cli.local.children.port_checks import answers, free_port
from app.domain.apps.callers import Scope
from bench.baselines.bare_boto3 import message
from bench.measure.cpu import spent_by_kind
from bench.measure.goals import Json, spread
from bench.stage.processes import running
from bench.stage.stage import Stage
from tests.support.gateway.gateways import issue

SIZE = 6_000
_AS_DEPLOYED: tuple[str, ...] = ()
"""As in `gunicorn.conf.py`."""

_AS_TAUGHT = ("--worker-class", "gthread", "--threads", "16")
_KINDS = ("web", "smtp", "worker", "database", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The result of many requests: requests per second, latencies, and CPU seconds per email by kind of process."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu: dict[str, float]

    @property
    def cpu_per_mail(self) -> float:
        """Return the CPU seconds per email of all processes but the clients."""
        return sum(self.cpu.values())

    def as_json(self) -> Json:
        """Return the result as JSON, rounded."""
        return {
            "rate": round(self.rate, 1),
            "p50_ms": round(self.p50_ms, 2),
            "p99_ms": round(self.p99_ms, 2),
            "cpu_us": round(self.cpu_per_mail * 1e6, 1),
            "cpu_us_by_kind": {kind: round(spent * 1e6, 1) for kind, spent in self.cpu.items()},
        }


def by_kind(of: Sequence[Posted]) -> str:
    """Return the CPU of an email in microseconds by kind of process: medians, of kinds that used any."""
    kinds = {kind: statistics.median(one.cpu[kind] for one in of) for kind in _KINDS}
    return ", ".join(f"{kind} {spent * 1e6:.0f}" for kind, spent in kinds.items() if spent)


def endpoint_table(rounds: Mapping[str, list[Posted]], *, each: str) -> list[str]:
    """Return a line per endpoint: rate, latencies, and the CPU per email or per `each`."""
    lines = [f"{'':22}{'requests/s':>24}{'p50 ms':>22}{'p99 ms':>24}{f'CPU us/{each}':>24}   of which"]
    for name, of in rounds.items():
        rate, cpu = spread([one.rate for one in of]), spread([one.cpu_per_mail * 1e6 for one in of])
        p50, p99 = spread([one.p50_ms for one in of]), spread([one.p99_ms for one in of])
        lines.append(f"{name:22}{rate:>24}{p50:>22}{p99:>24}{cpu:>24}   {by_kind(of)}")
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A URL for posts, and what is posted there: `emails` emails in each body.

    With an `aws_key`, an id and a secret, the requests are signed as an AWS SDK signs them.
    """

    url: str
    headers: Mapping[str, str]
    bodies: Path
    emails: int = 1
    aws_key: tuple[str, str] | None = None

    def post(self, requests: int, *, connections: int = 32, each: int | None = None) -> Posted:
        """Post `requests` requests on connections that last for `each` requests, by default for all.

        Raises `RuntimeError` unless every answer was a 200.
        """
        order = {
            "url": self.url,
            "headers": dict(self.headers),
            "bodies": str(self.bodies),
            "aws_key": self.aws_key,
            "requests": requests,
            "connections": connections,
            "each": each,
        }
        with spent_for(requests * self.emails) as cpu:
            ended = subprocess.run(  # noqa: S603 - our own program
                (sys.executable, "-m", "bench.load.clients", json.dumps(order)), check=True, stdout=subprocess.PIPE
            )
        result = json.loads(ended.stdout)
        if set(result["statuses"]) != {"200"}:
            raise RuntimeError(f"not every request was answered with 200: {result['statuses']}")
        return Posted(rate=result["rate"], p50_ms=result["p50_ms"], p99_ms=result["p99_ms"], cpu=cpu)


@contextmanager
def spent_for(emails: int) -> Iterator[dict[str, float]]:
    """Yield the CPU seconds per email that the block spends, by kind of process: known once it has ended."""
    cpu: dict[str, float] = {}
    before = spent_by_kind()
    yield cpu
    after = spent_by_kind()
    cpu |= {kind: (after.get(kind, 0.0) - before.get(kind, 0.0)) / emails for kind in _KINDS}


@contextmanager
def postern_web(there: Stage, *, more: Mapping[str, str] | None = None) -> Iterator[Mapping[int, Endpoint]]:
    """Run Postern's API; yield endpoints by emails per request (1, or 100 for a batch). `more` are further settings."""
    headers = {"Authorization": f"Bearer {issue(there.gateway, app='bench').token}"}
    environment = {"REQUESTS_PER_SECOND": "100000", **(more or {})}
    if not there.gateway.positives.rebuild(()):  # as the upkeep of a running gateway does
        raise RuntimeError("Redis did not take the suppressed addresses")
    with gunicorn(there, "wsgi:app", environment, probe="/healthz") as url:
        yield {
            1: Endpoint(url=f"{url}/v1/emails", headers=headers, bodies=_bodies(there, 1)),
            100: Endpoint(url=f"{url}/v1/emails/batch", headers=headers, bodies=_bodies(there, 100), emails=100),
        }


def ses_door(there: Stage, api: Endpoint) -> Endpoint:
    """Return the SES door of the gateway whose API is at the other endpoint; the emails are the same."""
    scopes = frozenset({Scope.SES, Scope.EMAILS_SEND})
    prefix, public_id, secret = issue(there.gateway, app="bench", scopes=scopes).token.split("_", 2)
    path = there.directory / "bodies-ses.ndjson"
    path.write_text("\n".join(json.dumps(_for_ses(json.loads(line))) for line in api.bodies.read_text().splitlines()))
    return Endpoint(
        url=api.url.replace("/v1/emails", "/v2/email/outbound-emails"),
        headers={},
        bodies=path,
        aws_key=(f"{prefix}_{public_id}", secret),
    )


def _for_ses(email: Mapping[str, str]) -> Json:
    """Return the JSON of SendEmail for the same email."""
    content = {"Subject": {"Data": email["subject"]}, "Body": {"Text": {"Data": email["text"]}}}
    return {
        "FromEmailAddress": email["from"],
        "Destination": {"ToAddresses": [email["to"]]},
        "Content": {"Simple": content},
    }


@contextmanager
def tutorial_web(there: Stage) -> Iterator[Endpoint]:
    """Run the tutorial's API."""
    words = (sys.executable, "-m", "bench.tutorial.fill", "0", str(SIZE))
    subprocess.run(words, check=True)  # noqa: S603 - our own program
    with gunicorn(there, "bench.tutorial.web:app", {}, probe="/", options=_AS_TAUGHT) as url:
        yield Endpoint(url=f"{url}/v1/emails", headers={}, bodies=_bodies(there, 1))


@contextmanager
def gunicorn(
    there: Stage, app: str, environment: Mapping[str, str], *, probe: str, options: Sequence[str] = _AS_DEPLOYED
) -> Iterator[str]:
    """Run the web processes of an application for as long as the block lasts; yield their URL once they are ready."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = (sys.executable, "-m", "gunicorn", *options, "--bind", f"127.0.0.1:{port}", app)
    ready = partial(answers, f"{url}{probe}")
    with running(words, log=there.directory / "web.log", environment=environment, ready=ready):
        yield url


def _bodies(there: Stage, emails: int) -> Path:
    """Write a file of bodies, each with one email or a list of emails, all to different recipients."""
    path = there.directory / f"bodies-{emails}.ndjson"
    lines = []
    for number in range(max(1, 2000 // emails)):
        each = [mail_to(f"person{number * emails + offset}@example.net") for offset in range(emails)]
        lines.append(json.dumps(each if emails > 1 else each[0]))
    path.write_text("\n".join(lines))
    return path


def mail_to(recipient: str) -> dict[str, str]:
    """Return the JSON of an email of the usual size."""
    return {
        "from": "invites@example.com",
        "to": recipient,
        "subject": "You are invited",
        "text": message(SIZE).decode(),
    }
