"""Suppressions: the cost of a list of ten million entries, beside a boto3 send in the same run.

The list is in a PostgreSQL with durable commits and, as positives, in Valkey; one in twenty of the addresses that are
looked up is on it. It measures the gate as the claim queries it, with three names in three scopes for each email; the
look-up in the positives, at acceptance and at the last look; the memory of both; how long it takes to refill the
positives; and the commands that import and export, as separate processes.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from redis import Redis
from sqlalchemy import ARRAY, Connection, Select, String, bindparam, column, func, select, text

from app.cli.shell.operated_gateway import CHECKOUT
from app.services.suppression.gate import Addressee
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.submission.sealing import KeyRing
from app.store.suppression.gate_sql import suppressed_by
from app.wiring.gateway import Gateway
from bench.load.suppression_list import emails, file_of, fill
from bench.measure.cpu import spent_by_kind
from bench.measure.goals import Goal, Json, at_most, spread
from bench.stage.stage import Stage, stage

SIZE: Final = 10_000_000
QUICK: Final = 200_000
LARGE: Final = 5_000_000
"""From this size on, the 65,536 sets of the positives are so full that their own memory does not matter."""

BATCH: Final = 100
CLAIM, CLAIM_ONE = f"gate in the claim, {BATCH} emails", "gate in the claim, 1 email"
LOOK, LOOK_ONE = f"look-up in the positives, {BATCH} emails", "look-up in the positives, 1 email"
ASKED, ASKED_QUICK = 50_000, 10_000
ASKED_ONE = 3_000
TRIES = 5
BARE_MAILS, BARE_SIZE = 1_000, 6_000
POSTGRES: Final = {"shared_buffers": "2GB"}
"""A reasonable setting for such a list; with 32 MB, every index page would come from the page cache of the system."""

BYTES_A_ROW_ON_DISK: Final = 700
"""Including the log and the rows of the import; the free disk space is checked before the benchmark begins."""

_RELATIONS = """
select c.relname, case when c.relkind = 'r' then pg_table_size(c.oid) else pg_relation_size(c.oid) end
from pg_class c left join pg_index i on i.indexrelid = c.oid
where c.oid = to_regclass(:name) or i.indrelid = to_regclass(:name) order by 2 desc
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Queries about emails, several at a time: elapsed ms per query, and CPU us per email of all processes."""

    p50_ms: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run of a command: rows per second, and its peak memory."""

    rows: int
    rate: float
    cpu_us: float
    peak_mb: float


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--size", type=int, default=SIZE, help=f"entries of the list (default {SIZE:,})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} entries, under a minute")
    parser.add_argument("--rows", type=int, help="rows of the import (default a tenth of the size, at most 1,000,000)")
    parser.add_argument("--runs", type=int, help="rounds of the look-ups (default 5, quick 3)")


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run it, print the tables, and return the goals and the figures."""
    size = QUICK if given.quick else given.size
    runs = given.runs or (3 if given.quick else 5)
    _require_disk(size)
    with stage(latency_ms=0, postgres_settings=POSTGRES) as there:
        began = time.monotonic()
        fill(there.environment["DATABASE_URL"], size)
        say(f"{size:,} entries, filled by SQL in {time.monotonic() - began:.0f} s (not the import)")
        _warm(there.gateway)
        redis = _positives(there.gateway, size, say)
        asked, bare = _rounds(there, size=size, runs=runs, asking=ASKED_QUICK if given.quick else ASKED, say=say)
        sql = _bytes(there.gateway, "suppressions", size)
        moved = _move(there, rows=given.rows or min(max(size // 10, 50_000), 1_000_000), say=say)
    goals = _goals(asked, bare, size, redis["bytes_an_address"])
    for line in _table(asked, bare):
        say(line)
    return {
        "goals": [goal.as_json() for goal in goals],
        "size": size,
        "postgres": POSTGRES,
        "load": [round(one, 1) for one in os.getloadavg()],
        "redis": redis,
        "sql_bytes_an_entry": sql,
        "asked": {name: [asdict(one) for one in of] for name, of in asked.items()},
        "boto3_us": [round(one, 1) for one in bare],
        **moved,
    }


def _warm(gateway: Gateway) -> None:
    """Load the indexes of the list into the cache, as in a gateway that has been running for a while."""
    with gateway.database.transaction() as connection:
        connection.execute(text("set local statement_timeout = 0"))
        connection.execute(text("create extension pg_prewarm"))
        connection.execute(
            text("select pg_prewarm(indexrelid) from pg_index where indrelid = to_regclass('suppressions')")
        )


def _positives(gateway: Gateway, size: int, say: Callable[[str], None]) -> Json:
    """Let upkeep refill the positives, as when Redis has lost them; return their memory and the time it took."""
    before = _used_memory(gateway.redis)
    began, spent = time.monotonic(), spent_by_kind() | {"client": time.process_time()}
    tries = 1
    while not gateway.upkeep.warm_positives():
        tries += 1
        if tries > TRIES:
            raise RuntimeError("the positives could not be filled")
    after = spent_by_kind() | {"client": time.process_time()}
    seconds = time.monotonic() - began
    cpu = {kind: after[kind] - spent[kind] for kind in ("client", "database", "redis")}
    held = (_used_memory(gateway.redis) - before) / size
    say(
        f"positives: {held:.1f} bytes per address in Redis; refilled in {seconds:.0f} s "
        f"({', '.join(f'{kind} {one:.0f} s of CPU' for kind, one in cpu.items())}; tries: {tries})"
    )
    return {"bytes_an_address": held, "rebuild_s": round(seconds, 1), "rebuild_cpu_s": cpu, "tries": tries}


def _rounds(
    there: Stage, *, size: int, runs: int, asking: int, say: Callable[[str], None]
) -> tuple[dict[str, list[Asked]], list[float]]:
    asked: dict[str, list[Asked]] = {name: [] for name in (CLAIM, CLAIM_ONE, LOOK, LOOK_ONE)}
    bare = []
    ring = KeyRing([key.get_secret_value() for key in there.gateway.settings.secret_keys])
    names = Pseudonyms(there.gateway.database, ring)
    for number in range(runs):
        wanted = emails(asking, size=size, seed=number)
        pseudonyms = {email.key: names(email.key) for email in wanted}
        with there.gateway.database.reading() as connection:
            asked[CLAIM].append(_ask_sql(connection, wanted, pseudonyms, at_a_time=BATCH))
            asked[CLAIM_ONE].append(_ask_sql(connection, wanted[:ASKED_ONE], pseudonyms, at_a_time=1))
        asked[LOOK].append(_ask_redis(there.gateway, wanted, pseudonyms, at_a_time=BATCH))
        asked[LOOK_ONE].append(_ask_redis(there.gateway, wanted[:ASKED_ONE], pseudonyms, at_a_time=1))
        bare.append(_boto3())
        say(f"round {number + 1} of {runs}: gate {asked[CLAIM][-1].cpu_us:.1f} us, boto3 {bare[-1]:.0f} us per email")
    return asked, bare


def _ask_sql(
    connection: Connection, wanted: Sequence[Addressee], pseudonyms: dict[str, str], *, at_a_time: int
) -> Asked:
    """Return the time that the gate adds to a statement that reads as many emails without it."""
    arrays = [bindparam(name, type_=ARRAY(String)) for name in ("keys", "names", "scopes")]
    given = func.unnest(*arrays).table_valued(column("key", String), column("name", String), column("scope", String))
    given = given.render_derived("mail")
    with_gate = select(given.c.key, suppressed_by(given.c.key, given.c.name, given.c.scope))
    without = select(given.c.key, given.c.scope)
    batches = [
        {
            "keys": [email.key for email in batch],
            "names": [pseudonyms[email.key] for email in batch],
            "scopes": [email.scope for email in batch],
        }
        for batch in _batches(wanted, at_a_time)
    ]

    spent = _of_backend(connection.scalar(text("select pg_backend_pid()")))

    def asking(statement: Select[Any]) -> Asked:
        return _time(lambda batch: connection.execute(statement, batch).all(), batches, server=spent)

    gate, bare = asking(with_gate), asking(without)
    return Asked(
        p50_ms=gate.p50_ms - bare.p50_ms,
        p99_ms=gate.p99_ms,
        cpu_us=(gate.cpu_us - bare.cpu_us) / at_a_time,
    )


def _ask_redis(gateway: Gateway, wanted: Sequence[Addressee], pseudonyms: dict[str, str], *, at_a_time: int) -> Asked:
    batches = [
        [name for email in batch for name in (email.key, email.key[email.key.index("@") :], pseudonyms[email.key])]
        for batch in _batches(wanted, at_a_time)
    ]
    took = _time(gateway.positives.look_up, batches, server=lambda: spent_by_kind()["redis"])
    return Asked(p50_ms=took.p50_ms, p99_ms=took.p99_ms, cpu_us=took.cpu_us / at_a_time)


def _time(ask: Callable[[Any], object], batches: Sequence[object], *, server: Callable[[], float]) -> Asked:
    """Run every query; the CPU is that of one query, ours and the server's."""
    for batch in batches[: min(len(batches), 20)]:
        ask(batch)
    walls = []
    theirs, own = server(), time.process_time()
    for batch in batches:
        began = time.perf_counter()
        ask(batch)
        walls.append(1000 * (time.perf_counter() - began))
    spent = time.process_time() - own + server() - theirs
    hundredths = statistics.quantiles(walls, n=100)
    return Asked(p50_ms=hundredths[49], p99_ms=hundredths[98], cpu_us=1e6 * spent / len(batches))


def _of_backend(process: int | None) -> Callable[[], float]:
    """Return a function for the CPU seconds of one backend: other processes of PostgreSQL clean up after the fill."""
    return lambda: int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def _boto3() -> float:
    """Return the CPU in us per email of a bare boto3 loop in one thread that stores nothing."""
    words = (sys.executable, "-m", "bench.baselines.bare_boto3", str(BARE_MAILS), "1", str(BARE_SIZE))
    ended = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    return 1e6 * float(ended.stdout.split()[1]) / BARE_MAILS


def _bytes(gateway: Gateway, table: str, rows: int) -> dict[str, float]:
    """Return the bytes per entry in SQL, by relation: the table itself and each of its indexes."""
    with gateway.database.reading() as connection:
        found = connection.execute(text(_RELATIONS), {"name": table}).all()
    sizes = {name: round(size / rows, 1) for name, size in found if size > rows}
    return {**sizes, "together": round(sum(size for _, size in found) / rows, 1)}


def _move(there: Stage, *, rows: int, say: Callable[[str], None]) -> Json:
    """Import a file of `rows` new addresses, import it again, and export the whole list, each by a command."""
    file, out = there.directory / "import.csv", there.directory / "export.csv"
    with file.open("wb") as written:
        written.writelines(file_of(rows))
    commands = {
        "import": ("import", str(file)),
        "import, again": ("import", str(file)),
        "export": ("export", "--file", str(out)),
    }
    ran: dict[str, Ran] = {}
    for name, words in commands.items():
        ran[name] = _run(words, there.directory)
        one = ran[name]
        say(
            f"{name:14} {one.rows:>10,} rows  {one.rate:>8,.0f} rows/s  {one.cpu_us:>4.0f} us of CPU per row in all"
            f"  {one.peak_mb:.0f} MB peak (1 run)"
        )
    events = _bytes(there.gateway, "suppression_events", rows)
    return {"commands": {name: asdict(one) for name, one in ran.items()}, "events_bytes_an_entry": events}


def _run(words: Sequence[str], directory: Path) -> Ran:
    before, began = _of_the_servers(), time.monotonic()
    command = (sys.executable, "-m", "app.cli", "suppressions", *words, "--json")
    with (directory / "command.log").open("w+b") as log, (directory / "command.err").open("w+b") as words_of_it:
        process = subprocess.Popen(command, stdout=log, stderr=words_of_it, cwd=CHECKOUT)  # noqa: S603 - our own
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        words_of_it.seek(0)
        if process.returncode:
            raise RuntimeError(words_of_it.read().decode())
        result = json.loads(log.read().splitlines()[-1])
    seconds, moved = time.monotonic() - began, result.get("rows", result.get("entries"))
    spent = usage.ru_utime + usage.ru_stime + _of_the_servers() - before
    return Ran(rows=moved, rate=moved / seconds, cpu_us=1e6 * spent / moved, peak_mb=usage.ru_maxrss / 1024)


def _of_the_servers() -> float:
    spent = spent_by_kind()
    return spent["database"] + spent["redis"]


def _goals(asked: dict[str, list[Asked]], bare: list[float], size: int, bytes_an_address: float) -> list[Goal]:
    shares = [gate.cpu_us / one for gate, one in zip(asked[CLAIM], bare, strict=True)]
    found = [at_most("suppressions: CPU of the gate in the claim over a boto3 send", 0.01, shares)]
    if size >= LARGE:
        found.append(at_most("suppressions: bytes per address in Redis", 16.0, [bytes_an_address]))
    return found


def _table(asked: dict[str, list[Asked]], bare: list[float]) -> list[str]:
    lines = [f"{'':38}{'p50 ms':>24}{'p99 ms':>24}{'CPU us/email':>26}{'share of a send':>18}"]
    for name, of in asked.items():
        share = statistics.median(one.cpu_us / send for one, send in zip(of, bare, strict=True))
        columns = [spread([one.p50_ms for one in of]), spread([one.p99_ms for one in of])]
        cpu = spread([one.cpu_us for one in of])
        lines.append(f"{name:38}{columns[0]:>24}{columns[1]:>24}{cpu:>26}{share:>17.2%}")
    return [*lines, f"{'bare boto3 send':38}{'':48}{spread(bare):>26}"]


def _batches(wanted: Sequence[Addressee], size: int) -> list[Sequence[Addressee]]:
    return [wanted[start : start + size] for start in range(0, len(wanted), size)]


def _used_memory(redis: Redis) -> int:
    return int(redis.info("memory")["used_memory"])


def _require_disk(size: int) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < size * BYTES_A_ROW_ON_DISK:
        raise SystemExit(f"{size:,} entries take {size * BYTES_A_ROW_ON_DISK / 1e9:.0f} GB in {tempfile.gettempdir()}")
