"""Drain: emails that are already queued, sent by real workers: Postern with either transport, beside three others.

The bare loop only calls SES: no queue, no list, no store. The tutorial application queues a Celery task for each email
(`bench.tutorial`), with the pool that is fastest for it. All call the same stand-in for SES and use the same
PostgreSQL and the same Valkey, one after another in each round. With `--django` there is a further baseline with few
emails: Django with django-ses and django-celery-email (`bench.django`).
"""

import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.baselines.contestants import Bare, Contestant, Postern, Tutorial
from bench.django import environment
from bench.django.contestant import CONCURRENCY, Django
from bench.measure.ceiling import ceiling
from bench.measure.drain_window import Drained
from bench.measure.goals import Goal, Json, at_least, at_most, spread
from bench.options import Amount, add_amounts
from bench.stage.stage import Stage, stage

POOLS = {"prefork 20": ("prefork", 1, 20), "threads 2x50": ("threads", 2, 50)}
BARE, BOTO3, FAST, TUTORIAL = "bare boto3 loop", "Postern, boto3", "Postern, fast", "tutorial"
DJANGO = "django-ses"
WHY_DJANGO = "django-ses makes a new boto3 session and client for each message sent on its own: nine tenths of its CPU"
EMAILS = Amount(name="emails", usual=6000, quick=1200, what="emails per round")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")

Rounds = Mapping[str, list[Drained]]


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS, RUNS)
    parser.add_argument("--latency-ms", type=float, default=60, help="how long SES takes to answer (default 60)")
    parser.add_argument(
        "--django", action="store_true", help="also measure django-ses; the first time it is installed next to .venv"
    )


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds, print the table, and return the goals and the figures."""
    django = environment.prepare() if given.django else None
    with stage(latency_ms=given.latency_ms) as there:
        most = ceiling(there.directory)
        say(most.line)
        rounds = run(there, emails=EMAILS.of(given), runs=RUNS.of(given), say=say, django=django)
    for line in table(rounds):
        say(line)
    highest = max(one.rate for of in rounds.values() for one in of)
    return {
        "goals": [goal.as_json() for goal in (*goals(rounds), most.over("drain", highest))],
        "standin": most.as_json(),
        "systems": {name: _as_json(of) for name, of in rounds.items()},
    }


def run(there: Stage, *, emails: int, runs: int, say: Callable[[str], None], django: Path | None = None) -> Rounds:
    """Measure every contestant in every round; `say` prints a line for each. `django` is its Python."""
    best = _best_pool(there, emails // 8, say)
    contestants: dict[str, Contestant] = {
        BARE: Bare(processes=2, threads=50),
        TUTORIAL: best,
        **({DJANGO: Django(there, python=django)} if django else {}),
        BOTO3: Postern(there, transport="boto3"),
        FAST: Postern(there, transport="fast"),
    }
    shares = {TUTORIAL: emails // 4, DJANGO: max(emails // 100, 5 * CONCURRENCY)}
    rounds: dict[str, list[Drained]] = {name: [] for name in contestants}
    for number in range(1, runs + 1):
        for name, contestant in contestants.items():
            rounds[name].append(contestant.drain(shares.get(name, emails)))
            say(f"round {number} of {runs}: {name} {rounds[name][-1].rate:.0f}/s")
    return rounds


def goals(rounds: Rounds) -> list[Goal]:
    """Return the goals of a drain."""
    over_tutorial = {name: _ratios(rounds[name], rounds[TUTORIAL], lambda one: one.rate) for name in (BOTO3, FAST)}
    over_bare = {name: _ratios(rounds[name], rounds[BARE], lambda one: one.cpu_per_mail) for name in (BOTO3, FAST)}
    return [
        at_least("drain, boto3 transport: rate over the tutorial's", 3.5, over_tutorial[BOTO3]),
        at_least("drain, fast transport: rate over the tutorial's", 9.0, over_tutorial[FAST]),
        at_most("drain, boto3 transport: CPU per email over a bare boto3 loop's", 1.8, over_bare[BOTO3]),
        at_most("drain, fast transport: CPU per email over a bare boto3 loop's", 0.5, over_bare[FAST]),
    ]


def table(rounds: Rounds) -> list[str]:
    """Return a line per contestant with rate and CPU by kind, then why django-ses is slow, or how to measure it."""
    lines = [f"{'':18}{'emails/s':>24}{'CPU us/email':>28}   of which"]
    for name, of in rounds.items():
        rate, cpu = spread([one.rate for one in of]), spread([one.cpu_per_mail * 1e6 for one in of])
        parts = ", ".join(f"{kind} {_median_cpu(of, kind):.0f}" for kind in of[0].cpu)
        lines.append(f"{name:18}{rate:>24}{cpu:>28}   {parts}")
    return [*lines, WHY_DJANGO if DJANGO in rounds else f"{DJANGO:18}not measured; --django adds it"]


def _best_pool(there: Stage, emails: int, say: Callable[[str], None]) -> Tutorial:
    tried = {
        name: Tutorial(there, pool=pool, processes=processes, concurrency=concurrency)
        for name, (pool, processes, concurrency) in POOLS.items()
    }
    rates = {name: one.drain(emails).rate for name, one in tried.items()}
    best = max(rates, key=lambda name: rates[name])
    say(f"the tutorial's pool: {', '.join(f'{name} {rate:.0f}/s' for name, rate in rates.items())}; it gets {best}")
    return tried[best]


def _ratios(ours: list[Drained], theirs: list[Drained], figure: Callable[[Drained], float]) -> list[float]:
    return [figure(attempt) / figure(other) for attempt, other in zip(ours, theirs, strict=True)]


def _median_cpu(of: list[Drained], kind: str) -> float:
    return statistics.median(one.cpu[kind] for one in of) * 1e6


def _as_json(of: list[Drained]) -> Json:
    return {
        "rate": [round(one.rate, 1) for one in of],
        "cpu_us": [round(one.cpu_per_mail * 1e6, 1) for one in of],
        "cpu_us_by_kind": {kind: round(_median_cpu(of, kind), 1) for kind in of[0].cpu},
    }
