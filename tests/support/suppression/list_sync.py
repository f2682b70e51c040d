"""Helpers for tests of the two suppression lists: a gateway, a simulator with its own list, and their sync."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.aws.ses.account import SesAccount
from app.domain.account.sync_progress import Order, SyncPosition
from app.domain.suppression.rules import Origin
from app.services.account.sync_list import ALWAYS_PUT, Sync, Synced
from app.store.account.ses_list import CURSOR
from app.store.operating import job_cursors
from app.store.suppression import suppressions
from app.store.suppression.suppressions import NewSuppression
from app.wiring.gateway import Gateway
from config import SesListSync
from simulator import Options, Simulator
from tests.support.aws.bounces import bounce_reader
from tests.support.aws.simulator import client, control
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import another_process
from tests.support.gateway.rows import change, rows

EVERYTHING = Order(full=True)
BOTH_WAYS = Order(full=True, origins=ALWAYS_PUT)


class Seconds:
    """A clock on which time passes only by `sleep`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class World:
    """A gateway, a simulator with its list, and the sync of the two."""

    def __init__(self, gateway: Gateway, simulator: Simulator, account: SesAccount, seconds: Seconds) -> None:
        self.gateway = gateway
        self.simulator = simulator
        self.ses = client("sesv2", simulator)
        self.account = account
        self.seconds = seconds
        self.sync = self.another()

    def another(self, mode: SesListSync = SesListSync.PULL) -> Sync:
        """Return the sync of another process of the same gateway."""
        return Sync(
            database=self.gateway.database,
            writer=self.gateway.list_writer,
            pseudonyms=self.gateway.pseudonyms,
            account=self.account,
            cause_of=bounce_reader().cause_of,
            exempt_mailbox_simulator=True,
            mode=mode,
            monotonic=self.seconds,
            sleep=self.seconds.sleep,
        )

    def later(self, by: timedelta) -> None:
        """Move the cursor's times back by `by`."""
        [row] = rows(self.gateway, "cursors", name=CURSOR)
        times = ("mirrored_at", "followed_at", "listed_at", "rests_until", "push_rests_until")
        known = {name: datetime.fromisoformat(row["state"][name]) for name in times if name in row["state"]}
        moved = {name: (time - by).isoformat() for name, time in known.items()}
        change(self.gateway, "cursors", {"state": {**row["state"], **moved}}, name=CURSOR)

    def at_ses(self, *addresses: str, reason: str = "BOUNCE", **more: Any) -> None:
        """Put entries on SES's list."""
        control(
            self.simulator,
            "POST",
            "suppressions",
            [{"address": address, "reason": reason, **more} for address in addresses],
        )

    def faults(self, *rules: dict[str, Any]) -> None:
        """Make calls to SES fail from now on."""
        control(self.simulator, "POST", "faults", list(rules))

    def listed(self) -> set[str]:
        """Return the addresses on SES's list."""
        page = self.ses.list_suppressed_destinations()
        return {entry["EmailAddress"] for entry in page["SuppressedDestinationSummaries"]}

    def live(self) -> dict[str, str]:
        """Return the addresses that our list suppresses for every email, and why."""
        return {
            row["key"]: row["origin"]
            for row in rows(self.gateway, "suppressions")
            if row["removed_at"] is None and row["scope"] == "*"
        }

    def put(self, key: str, origin: Origin, **more: Any) -> None:
        """Put an entry on our list, as an event of SES would."""
        new = NewSuppression(key=key, scope="*", address=key, origin=origin, reason="Test.", actor="test")
        with self.gateway.database.transaction() as connection:
            suppressions.put(connection, replace(new, **more))

    def place(self) -> SyncPosition:
        with self.gateway.database.reading() as connection:
            return SyncPosition.from_json(job_cursors.read(connection, CURSOR))

    def run(self, order: Order = EVERYTHING) -> Synced:
        return self.sync.run(ROOT, order)


@contextmanager
def two_lists(gateway: Gateway, directory: Path, **options: Any) -> Iterator[World]:
    """Yield a world with a simulator that keeps its files in this directory.

    Its gateway is that of another process on the same database, whose account at SES is that of the simulator.
    """
    seconds = Seconds()
    with Simulator(Options(data=directory / "ses", event_delay=(0, 0), **options)) as simulator:
        account = SesAccount(client("sesv2", simulator), clock=seconds, sleep=seconds.sleep)
        with another_process(gateway, account=account, ses_list_sync=SesListSync.PULL) as other:
            yield World(other, simulator, account, seconds)
