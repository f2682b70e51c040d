"""`python -m simulator`: the simulator as a process, with its command line."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from simulator.options import LedgerSync, Options
from simulator.simulator import running
from simulator.sns.signing import CERTIFICATE_FILE
from simulator.wiring import LEDGER_FILE

EXAMPLE = """
example:
  python -m simulator --port 4579 --data /tmp/simulator --latency-ms 60 --max-send-rate 100
  export AWS_ENDPOINT_URL_SESV2=http://127.0.0.1:4579 AWS_ENDPOINT_URL_SNS=http://127.0.0.1:4579
  export AWS_ENDPOINT_URL_SQS=http://127.0.0.1:4579 AWS_ENDPOINT_URL_STS=http://127.0.0.1:4579
  export SNS_PINNED_CERTIFICATE=/tmp/simulator/sns-signing.pem
    then open http://127.0.0.1:4579/ to see the emails that were "sent"
"""


def read_arguments(arguments: list[str]) -> tuple[Options, Path | None]:
    """Return the options and the ready file. Exits with 2 on a mistake, as argparse does."""
    given = _parser().parse_args(arguments)
    least, most = given.event_delay_ms
    options = Options(
        data=given.data,
        host=given.host,
        port=given.port,
        region=given.region,
        latency=given.latency_ms / 1000,
        max_send_rate=given.max_send_rate,
        max_24h=given.max_24h,
        api_rate=given.api_rate,
        retry_delay=given.retry_delay,
        event_delay=(least / 1000, most / 1000),
        ledger_sync=LedgerSync(given.ledger_fsync),
        enforce_identities=given.enforce_identities,
        production_access=not given.sandbox,
        seed=given.seed,
    )
    return options, given.ready_file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A stand-in for Amazon SES v2, SNS, SQS and STS on loopback.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Options(data=Path())
    add = parser.add_argument
    add("--port", type=int, required=True, help="port to listen on, 0 for a free one")
    add("--host", default=default.host, help="address to listen on (%(default)s)")
    add("--data", type=Path, required=True, help="directory for the ledger and the signing key")
    add("--region", default=default.region, help="region of its ARNs (%(default)s)")
    add("--latency-ms", type=float, default=60.0, help="how long a send takes (%(default)s)")
    add("--max-send-rate", type=float, default=default.max_send_rate, help="recipients/s (%(default)s)")
    add("--max-24h", type=float, default=default.max_24h, help="recipients/day, -1 for no limit (%(default)s)")
    add(
        "--api-rate",
        type=float,
        default=default.api_rate,
        help="calls/s other than sends, 0 for no limit (%(default)s)",
    )
    add("--retry-delay", type=float, default=default.retry_delay, help="seconds between SNS's tries (%(default)s)")
    add(
        "--event-delay-ms",
        type=float,
        nargs=2,
        metavar=("LEAST", "MOST"),
        default=[50.0, 200.0],
        help="time between the events of an email (50 200)",
    )
    add(
        "--ledger-fsync",
        choices=[sync.value for sync in LedgerSync],
        default=default.ledger_sync.value,
        help="when an accepted email is on disk (%(default)s)",
    )
    add("--enforce-identities", action="store_true", help="refuse senders that are not identities")
    add("--sandbox", action="store_true", help="an account without production access: its list is read-only")
    add("--seed", type=int, help="seed of the random faults, to repeat a run")
    add("--ready-file", type=Path, help="write the URL and paths to this file, as JSON, once the simulator listens")
    return parser


async def serve(options: Options, ready_file: Path | None) -> None:
    """Run until SIGINT or SIGTERM. Raises OSError when it cannot listen on the port."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with running(options) as port:
        ready = {
            "url": f"http://{options.host}:{port}",
            "certificate": str((options.data / CERTIFICATE_FILE).resolve()),
            "ledger": str((options.data / LEDGER_FILE).resolve()),
        }
        if ready_file is not None:
            draft = ready_file.with_name(ready_file.name + ".part")
            draft.write_text(json.dumps(ready), encoding="utf-8")
            draft.replace(ready_file)
        sys.stdout.write(f"simulator listening on {ready['url']}\n")
        sys.stdout.flush()
        await stopping.wait()


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    options, ready_file = read_arguments(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        asyncio.run(serve(options, ready_file))
    except OSError as failure:
        sys.stderr.write(f"simulator: cannot listen on {options.host}:{options.port}: {failure.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
