"""The options of a simulator; with the defaults it behaves like an ordinary production account."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class LedgerSync(StrEnum):
    """When an accepted email is on disk.

    `group` shares one fsync among calls that arrive together, `each` makes one per call, `off` leaves it to the page
    cache.
    """

    GROUP = "group"
    EACH = "each"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that is fixed for the life of one simulator.

    `port` 0 takes a free one. `latency` and `event_delay` are seconds; `event_delay` is the least and the most between
    one event of an email and the next. `max_send_rate` is recipients per second, `max_24h` recipients per rolling day
    (-1: no limit), `api_rate` calls per second other than sends (0: no limit; SES has 1). `retry_delay` is the seconds
    between SNS's tries for a subscription without a delivery policy of its own. `enforce_identities` refuses senders
    that were not created as identities. `production_access` False is an account in the sandbox, but only for GetAccount
    and the suppression list: emails to any address are still accepted. `seed` makes the random faults of calls and
    event streams repeatable.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    region: str = "us-east-1"
    account_id: str = "123456789012"
    latency: float = 0.0
    max_send_rate: float = 50.0
    max_24h: float = 50_000.0
    api_rate: float = 0.0
    retry_delay: float = 20.0
    delivery_timeout: float = 15.0
    event_delay: tuple[float, float] = (0.05, 0.2)
    ledger_sync: LedgerSync = LedgerSync.GROUP
    enforce_identities: bool = False
    production_access: bool = True
    seed: int | None = None
