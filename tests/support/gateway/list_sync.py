"""What tests of the two suppression lists share: a gateway, a simulator with a list of its own, and who syncs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.aws.account import SesAccount
from app.domain.suppression import Origin
from app.services.sync import ALWAYS_PUT, CURSOR, Sync, Synced
from app.services.sync_place import Order, Place
from app.store import cursors, suppressions
from app.store.suppressions import NewSuppression
from app.wiring import Gateway
from config import SesListSync
from simulator import Options, Simulator
from tests.mails import ROOT
from tests.rows import rows
from tests.simulating import client, control

EVERYTHING = Order(full=True)
BOTH_WAYS = Order(full=True, origins=ALWAYS_PUT)


class Seconds:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class World:
    """A gateway, a simulator with its list, and what keeps the two in step."""

    def __init__(self, gateway: Gateway, simulator: Simulator) -> None:
        self.gateway = gateway
        self.simulator = simulator
        self.ses = client("sesv2", simulator)
        self.seconds = Seconds()
        self.sync = self.another()
        gateway.suppress._account = self.ses_account()

    def ses_account(self) -> SesAccount:
        return SesAccount(self.ses, clock=self.seconds, sleep=self.seconds.sleep)

    def another(self, mode: SesListSync = SesListSync.PULL) -> Sync:
        """One more process of the same gateway."""
        return Sync(
            database=self.gateway.database,
            positives=self.gateway.positives,
            pseudonyms=self.gateway.pseudonyms,
            account=self.ses_account(),
            exempt_mailbox_simulator=True,
            mode=mode,
            monotonic=self.seconds,
            sleep=self.seconds.sleep,
        )

    def at_ses(self, *addresses: str, reason: str = "BOUNCE", **more: Any) -> None:
        """Put entries on SES's list."""
        control(
            self.simulator,
            "POST",
            "suppressions",
            [{"address": address, "reason": reason, **more} for address in addresses],
        )

    def faults(self, *rules: dict[str, Any]) -> None:
        """Have calls fail from now on."""
        control(self.simulator, "POST", "faults", list(rules))

    def listed(self) -> set[str]:
        """SES's list as it is."""
        page = self.ses.list_suppressed_destinations()
        return {entry["EmailAddress"] for entry in page["SuppressedDestinationSummaries"]}

    def live(self) -> dict[str, str]:
        """Whom our list suppresses for every mail, and why."""
        return {
            row["key"]: row["origin"]
            for row in rows(self.gateway, "suppressions")
            if row["removed_at"] is None and row["scope"] == "*"
        }

    def put(self, key: str, origin: Origin, **more: Any) -> None:
        """Put an entry on our list, as news of SES would."""
        new = NewSuppression(key=key, scope="*", address=key, origin=origin, reason="Test.", actor="test")
        with self.gateway.database.transaction() as connection:
            suppressions.put(connection, replace(new, **more))

    def place(self) -> Place:
        with self.gateway.database.reading() as connection:
            return Place.from_json(cursors.read(connection, CURSOR))

    def run(self, order: Order = EVERYTHING) -> Synced:
        return self.sync.run(ROOT, order)


@contextmanager
def two_lists(gateway: Gateway, directory: Path, **options: Any) -> Iterator[World]:
    """A world with a simulator that keeps its files in this directory."""
    with Simulator(Options(data=directory / "ses", event_delay=(0, 0), **options)) as simulator:
        yield World(gateway, simulator)
