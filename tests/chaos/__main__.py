"""`python -m tests.chaos`: run drills; exit status 1 when a promise was broken. `postern chaos` calls it."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from app.cli.local.children.embedded_valkey import CannotEmbed
from app.cli.shell.operated_gateway import isolate
from config import SesTransport
from tests.chaos.drill import DatabaseKind, Drill, Intake
from tests.chaos.run import Result, play
from tests.chaos.stage.machines import NotUp
from tests.chaos.verdict.report import Report

KEPT, BROKEN, INTERRUPTED = 0, 1, 130


def main(words: list[str]) -> int:
    """Run the requested drills, one after another."""
    given = _parser().parse_args(words)
    isolate()
    # An orderly end, so that nothing is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ["SES_TRANSPORT"] = given.transport
    results: list[Result] = []
    try:
        with Report(as_json=given.json) as report:
            for seed in range(given.first_seed, given.first_seed + given.seeds):
                drill = Drill(
                    seed=seed,
                    seconds=given.seconds,
                    database=given.database,
                    rate=given.rate,
                    lossy=given.lossy,
                    drain_s=given.drain,
                    intake=given.intake,
                )
                results.append(_one(drill, report, keep=given.keep))
            report.table(results)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (NotUp, CannotEmbed) as failure:
        sys.stderr.write(f"chaos: {failure}\n")
        return BROKEN
    return BROKEN if any(result.verdict.broken for result in results) else KEPT


def _one(drill: Drill, report: Report, *, keep: bool) -> Result:
    root = Path(tempfile.mkdtemp(prefix=f"postern-chaos-{drill.seed}-"))
    keeping = True
    try:
        result = play(drill, root, show=report.moment)
        keeping = keep or bool(result.verdict.broken)
        report.result(result, root if keeping else None)
    finally:
        if not keeping:
            shutil.rmtree(root, ignore_errors=True)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="postern chaos",
        description="Attack a whole gateway of real processes while mail flows, then compare the answers of clients,\n"
        "what the database says and what SES took.",
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=100),
    )
    options(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object, in the last line")
    return parser


def options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many runs (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=1, metavar="N", help="the seed of the first (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60, metavar="S", help="how long each lasts (%(default)s)")
    parser.add_argument(
        "--database",
        type=DatabaseKind,
        choices=list(DatabaseKind),
        default=DatabaseKind.POSTGRESQL,
        help="(%(default)s)",
    )
    parser.add_argument(
        "--transport",
        type=SesTransport,
        choices=list(SesTransport),
        default=SesTransport.AUTO,
        help="the way to SES (%(default)s)",
    )
    parser.add_argument(
        "--intake",
        type=Intake,
        choices=list(Intake),
        default=Intake.HTTPS,
        help="how notifications come: to the webhook, through a queue, or both (%(default)s)",
    )
    parser.add_argument("--rate", type=float, default=44, metavar="N", help="mails offered a second (%(default)s)")
    parser.add_argument(
        "--drain", type=float, default=60, metavar="S", help="patience after the last fault (%(default)s)"
    )
    parser.add_argument("--lossy", action="store_true", help="let events be lost, too")
    parser.add_argument("--keep", action="store_true", help="keep all files; they are kept when a promise broke")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
