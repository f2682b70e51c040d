"""Drain: mails that are queued already, sent by real workers: Postern by either transport, beside three other ways.

The bare loop only calls SES: no queue, no list, no store. The tutorial application sends a Celery task for each mail
(`bench.tutorial`), with its pool tuned to its own best. All speak to the same stand-in for SES and use the same
PostgreSQL and the same Valkey, one after another in each round. With `--django`, so does a further baseline of few
mails: Django with django-ses and django-celery-email (`bench.django`).
"""

import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.ceiling import ceiling
from bench.contestants import Bare, Contestant, Postern, Tutorial
from bench.django import environment
from bench.django.contestant import CONCURRENCY, Django
from bench.goals import Goal, Json, at_least, at_most, spread
from bench.options import Amount, add_amounts
from bench.stage import Stage, stage
from bench.window import Drained

POOLS = {"prefork 20": ("prefork", 1, 20), "threads 2x50": ("threads", 2, 50)}
BARE, BOTO3, FAST, TUTORIAL = "bare boto3 loop", "Postern, boto3", "Postern, fast", "tutorial"
DJANGO = "django-ses"
WHY_DJANGO = "django-ses makes a new boto3 session and client for each message sent on its own: nine tenths of its CPU"
MAILS = Amount(name="mails", usual=6000, quick=1200, what="mails a round")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")

Rounds = Mapping[str, list[Drained]]


def add_options(parser: ArgumentParser) -> None:
    """What may be chosen."""
    add_amounts(parser, MAILS, RUNS)
    parser.add_argument("--latency-ms", type=float, default=60, help="what SES takes for an answer (default 60)")
    parser.add_argument(
        "--django", action="store_true", help="measure django-ses, too; the first time it is installed, beside .venv"
    )


def measure(given: Namespace, tell: Callable[[str], None]) -> Json:
    """Run the rounds, tell the table, and answer with the goals and the figures."""
    django = environment.prepare() if given.django else None
    with stage(latency_ms=given.latency_ms) as there:
        most = ceiling(there.directory)
        tell(most.line)
        rounds = run(there, mails=MAILS.of(given), runs=RUNS.of(given), tell=tell, django=django)
    for line in table(rounds):
        tell(line)
    highest = max(one.rate for of in rounds.values() for one in of)
    return {
        "goals": [goal.told() for goal in (*goals(rounds), most.over("drain", highest))],
        "standin": most.told(),
        "systems": {name: _told(of) for name, of in rounds.items()},
    }


def run(there: Stage, *, mails: int, runs: int, tell: Callable[[str], None], django: Path | None = None) -> Rounds:
    """Measure every contestant in every round; `tell` hears of each. `django` is the Python of that baseline."""
    best = _best_pool(there, mails // 8, tell)
    contestants: dict[str, Contestant] = {
        BARE: Bare(processes=2, threads=50),
        TUTORIAL: best,
        **({DJANGO: Django(there, python=django)} if django else {}),
        BOTO3: Postern(there, transport="boto3"),
        FAST: Postern(there, transport="fast"),
    }
    shares = {TUTORIAL: mails // 4, DJANGO: max(mails // 100, 5 * CONCURRENCY)}
    rounds: dict[str, list[Drained]] = {name: [] for name in contestants}
    for number in range(1, runs + 1):
        for name, contestant in contestants.items():
            rounds[name].append(contestant.drain(shares.get(name, mails)))
            tell(f"round {number} of {runs}: {name} {rounds[name][-1].rate:.0f}/s")
    return rounds


def goals(rounds: Rounds) -> list[Goal]:
    """The goals of a drain."""
    over_tutorial = {name: _ratios(rounds[name], rounds[TUTORIAL], lambda one: one.rate) for name in (BOTO3, FAST)}
    over_bare = {name: _ratios(rounds[name], rounds[BARE], lambda one: one.cpu_per_mail) for name in (BOTO3, FAST)}
    return [
        at_least("drain, boto3 transport: rate over the tutorial's", 3.5, over_tutorial[BOTO3]),
        at_least("drain, fast transport: rate over the tutorial's", 9.0, over_tutorial[FAST]),
        at_most("drain, boto3 transport: CPU a mail over a bare boto3 loop's", 1.8, over_bare[BOTO3]),
        at_most("drain, fast transport: CPU a mail over a bare boto3 loop's", 0.5, over_bare[FAST]),
    ]


def table(rounds: Rounds) -> list[str]:
    """One line for each contestant: rate, and where its CPU went; then why django-ses is slow, or how to measure it."""
    lines = [f"{'':18}{'mails/s':>24}{'CPU us/mail':>28}   of which"]
    for name, of in rounds.items():
        rate, cpu = spread([one.rate for one in of]), spread([one.cpu_per_mail * 1e6 for one in of])
        parts = ", ".join(f"{kind} {_median_cpu(of, kind):.0f}" for kind in of[0].cpu)
        lines.append(f"{name:18}{rate:>24}{cpu:>28}   {parts}")
    return [*lines, WHY_DJANGO if DJANGO in rounds else f"{DJANGO:18}not measured; --django adds it"]


def _best_pool(there: Stage, mails: int, tell: Callable[[str], None]) -> Tutorial:
    tried = {
        name: Tutorial(there, pool=pool, processes=processes, concurrency=concurrency)
        for name, (pool, processes, concurrency) in POOLS.items()
    }
    rates = {name: one.drain(mails).rate for name, one in tried.items()}
    best = max(rates, key=lambda name: rates[name])
    tell(f"the tutorial's pool: {', '.join(f'{name} {rate:.0f}/s' for name, rate in rates.items())}; it gets {best}")
    return tried[best]


def _ratios(ours: list[Drained], theirs: list[Drained], figure: Callable[[Drained], float]) -> list[float]:
    return [figure(mine) / figure(other) for mine, other in zip(ours, theirs, strict=True)]


def _median_cpu(of: list[Drained], kind: str) -> float:
    return statistics.median(one.cpu[kind] for one in of) * 1e6


def _told(of: list[Drained]) -> Json:
    return {
        "rate": [round(one.rate, 1) for one in of],
        "cpu_us": [round(one.cpu_per_mail * 1e6, 1) for one in of],
        "cpu_us_by_kind": {kind: round(_median_cpu(of, kind), 1) for kind in of[0].cpu},
    }
