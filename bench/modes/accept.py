"""Accept: emails posted over HTTP and to the SES door, or sent by SMTP, and committed, beside the tutorial's endpoint.

Nothing is sent to SES meanwhile.

Both run under gunicorn with the same number of workers: Postern with the worker class and threads of its deployment,
the tutorial with gthread and 16 threads. Both use the same PostgreSQL with durable commits, and get requests on 32
connections, each with an idempotency key of its own. The SMTP door, one process, gets messages of the same size on as
many connections, each command after the reply to the last one.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from bench.load.smtp import smtp_door
from bench.load.web import Posted, endpoint_table, postern_web, ses_door, tutorial_web
from bench.measure.goals import Goal, Json, at_least, at_most
from bench.options import Amount, add_amounts
from bench.stage.stage import stage

SINGLE, BATCH = "Postern, single", "Postern, batch of 100"
SES, SMTP, TUTORIAL = "Postern, as SES", "Postern, by SMTP", "tutorial"
REQUESTS = Amount(name="requests", usual=3000, quick=800, what="requests per round")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, REQUESTS, RUNS)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds, print the table, and return the goals and the figures."""
    requests, runs = REQUESTS.of(given), RUNS.of(given)
    rounds: dict[str, list[Posted]] = {SINGLE: [], BATCH: [], SES: [], SMTP: [], TUTORIAL: []}
    with (
        stage(latency_ms=60) as there,
        postern_web(there) as postern,
        smtp_door(there) as smtp,
        tutorial_web(there) as tutorial,
    ):
        ses = ses_door(there, postern[1])
        for endpoint in (*postern.values(), ses, tutorial):
            endpoint.post(64)
        smtp.send(64)
        for number in range(1, runs + 1):
            rounds[SINGLE].append(postern[1].post(requests))
            rounds[BATCH].append(postern[100].post(max(requests // 25, 32)))
            rounds[SES].append(ses.post(requests))
            rounds[SMTP].append(smtp.send(requests))
            rounds[TUTORIAL].append(tutorial.post(requests // 4))
            rates = ", ".join(f"{name} {of[-1].rate:.0f}/s" for name, of in rounds.items())
            say(f"round {number} of {runs}: {rates}")
    for line in table(rounds):
        say(line)
    return {
        "goals": [goal.as_json() for goal in goals(rounds)],
        "systems": {name: [one.as_json() for one in of] for name, of in rounds.items()},
    }


def goals(rounds: dict[str, list[Posted]]) -> list[Goal]:
    """Return the goals of accepting."""
    pairs = list(zip(rounds[SINGLE], rounds[TUTORIAL], strict=True))
    return [
        at_least("accept: rate over the tutorial's", 4.0, [attempt.rate / other.rate for attempt, other in pairs]),
        at_most("accept: p99 over the tutorial's", 1 / 4, [attempt.p99_ms / other.p99_ms for attempt, other in pairs]),
        at_most(
            "accept, by the SES door: CPU per email over that of a single post",
            1.3,
            [ses.cpu_per_mail / post.cpu_per_mail for ses, post in zip(rounds[SES], rounds[SINGLE], strict=True)],
        ),
        at_most(
            "accept, by SMTP: CPU per email over that of a single post",
            1.3,
            [smtp.cpu_per_mail / post.cpu_per_mail for smtp, post in zip(rounds[SMTP], rounds[SINGLE], strict=True)],
        ),
    ]


def table(rounds: dict[str, list[Posted]]) -> list[str]:
    """Return a line per endpoint."""
    return endpoint_table(rounds, each="mail")
