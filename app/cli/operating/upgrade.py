"""`postern upgrade`: migrate the database to what this code needs, or say first what that does."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from alembic import command
from alembic.util import CommandError
from sqlalchemy.engine import make_url

from app.cli.shell.command import Command, CommandFailed, PlanEnded, add_data_option
from app.cli.shell.operated_gateway import database_url
from app.cli.shell.terminal import Terminal
from app.domain.operating.upgrade_plan import Migration, UpgradePlan
from app.wiring.migrations import alembic_config, upgrade_check

_EVERYTHING: Final = "AccessExclusiveLock"
_ON_POSTGRESQL: Final = (
    "Each lock lasts a moment. A migration waits 2 s at most for one, then email passes, and it tries again for two "
    "and a half minutes in all. An index is built while email flows, in minutes for a large table."
)
_ON_SQLITE: Final = "On SQLite all other processes wait until all migrations are done."
_GO_ON: Final = "The processes that run now may go on. Restart them afterwards, one after another."
_STOP: Final = "Stop all processes first: their code cannot run with the new tables."


def run(given: Namespace, terminal: Terminal) -> PlanEnded:
    """Migrate, or with `--check` only show what that would do; `TO_DO` if there is something."""
    url = database_url(given.data)
    with upgrade_check(url) as check:
        plan = check()
    if given.check:
        _show(plan, terminal, is_sqlite=make_url(url).get_backend_name() == "sqlite")
    elif plan.steps:
        _migrate(url)
        terminal.say(f"The database is at {plan.needed}.")
    if not (given.check and plan.steps):
        _show_end(plan, terminal)
    terminal.answer({**asdict(plan), "done": bool(plan.steps) and not given.check})
    if plan.is_too_old:
        return PlanEnded.TROUBLE
    return PlanEnded.TO_DO if plan.steps and given.check else PlanEnded.NOTHING_TO_DO


def _migrate(url: str) -> None:
    try:
        command.upgrade(alembic_config(url), "head")
    except CommandError as error:
        raise CommandFailed(str(error)) from error


def _show(plan: UpgradePlan, terminal: Terminal, *, is_sqlite: bool) -> None:
    if not plan.steps:
        return
    if plan.found is None:
        terminal.say(f"The database is empty: {len(plan.steps)} migrations make its tables, up to {plan.needed}.")
        return
    terminal.say(f"The database is at {plan.found}. This code needs {plan.needed}.")
    rows = [(step.revision, step.title, _locks(step.locks), _indexes(step, plan.rows)) for step in plan.steps]
    terminal.table(("migration", "what it is for", "locks", "builds indexes"), rows)
    terminal.say(_ON_SQLITE if is_sqlite else _ON_POSTGRESQL)
    terminal.say(_GO_ON if plan.old_code_may_run else _STOP)


def _show_end(plan: UpgradePlan, terminal: Terminal) -> None:
    if plan.is_too_old:
        terminal.say(f"A later release has migrated the database to {plan.found}: this code is too old for it.")
    elif not plan.steps:
        terminal.say(f"Nothing to do: the database is at {plan.found}, and this code needs {plan.needed}.")


def _locks(locks: Mapping[str, str]) -> str:
    return ", ".join(f"{table} ({'all' if mode == _EVERYTHING else 'writes'})" for table, mode in locks.items())


def _indexes(step: Migration, rows: Mapping[str, int]) -> str:
    built = Counter(step.indexes.values())
    return ", ".join(
        f"{number} on {table}" + (f" (about {rows[table]:,} rows)" if table in rows else "")
        for table, number in built.items()
    )


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="change nothing: say what would be done")
    add_data_option(parser)


COMMAND = Command(
    words=("upgrade",),
    summary="migrate the database to the revision that this code needs",
    detail="It does what `alembic upgrade head` does. With `--check` it says of each migration which tables it locks, "
    "against all or against writes, and which indexes it builds; whether the processes that run now may go on; and "
    "exits with 0 if there is nothing to do, 2 if there is, 1 if this code is too old for the database.",
    example="./postern upgrade --check",
    arguments=_arguments,
    run=run,
)
