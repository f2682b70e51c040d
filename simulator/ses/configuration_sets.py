"""Configuration sets and their event destinations: which topics get which events of emails sent with the set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.control.consistency import Consistency
from simulator.events.fates import EventKind
from simulator.ses.errors import already_exists, bad_request, not_found
from simulator.ses.suppression import Reason

DELIVERY = ("TlsPolicy", "SendingPoolName", "MaxDeliverySeconds")
DESTINATION_TYPES = frozenset(kind.destination_type for kind in EventKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDestination:
    """One destination; only SNS topics get events, `definition` is what the API returns."""

    name: str
    enabled: bool
    types: frozenset[str]
    topic_arn: str | None
    definition: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class ConfigurationSet:
    """One set; with `suppressed_reasons` None, those of the account apply."""

    name: str
    suppressed_reasons: frozenset[Reason] | None = None
    sending_enabled: bool = True
    delivery: dict[str, Any] = field(default_factory=lambda: {"TlsPolicy": "OPTIONAL"})
    reputation_metrics: bool = False
    others: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    destinations: dict[str, EventDestination] = field(default_factory=dict)

    def topics_for(self, kind: EventKind) -> list[str]:
        """Return the topics that get events of this kind."""
        return [
            destination.topic_arn
            for destination in self.destinations.values()
            if destination.enabled and destination.topic_arn and kind.destination_type in destination.types
        ]


class ConfigurationSets:
    """All sets of the account by name."""

    def __init__(self, consistency: Consistency) -> None:
        self._consistency = consistency
        self._sets: dict[str, ConfigurationSet] = {}

    def names(self) -> list[str]:
        """Return the name of every set that calls see."""
        return sorted(name for name in self._sets if self._consistency.shows(_key(name)))

    def all(self) -> list[ConfigurationSet]:
        """Return every set, by name."""
        return [one for _, one in sorted(self._sets.items())]

    def create(self, configuration_set: ConfigurationSet) -> None:
        """Add a set. Raises SesError."""
        if configuration_set.name in self._sets:
            raise already_exists(f"Configuration set <{configuration_set.name}> already exists.")
        self._sets[configuration_set.name] = configuration_set
        self._consistency.made(_key(configuration_set.name))

    def find(self, name: str | None) -> ConfigurationSet | None:
        """Return a set, None when the name is None or unknown, or the set is not seen yet."""
        found = self._sets.get(name) if name is not None else None
        return found if found is not None and self._consistency.shows(_key(found.name)) else None

    def get(self, name: str) -> ConfigurationSet:
        """Return a set. Raises SesError."""
        found = self.find(name)
        if found is None:
            raise not_found(f"Configuration set <{name}> does not exist.")
        return found

    def delete(self, name: str) -> None:
        """Remove a set. Raises SesError."""
        self.get(name)
        del self._sets[name]


def read_destination(name: str, given: Mapping[str, Any]) -> EventDestination:
    """Return the destination that an API request defines. Raises SesError."""
    types = frozenset(given.get("MatchingEventTypes") or ())
    if not types or types - DESTINATION_TYPES:
        raise bad_request("MatchingEventTypes must name at least one known event type.")
    return EventDestination(
        name=name,
        # SES's default is off: a destination without the flag gets no events.
        enabled=bool(given.get("Enabled", False)),
        types=types,
        topic_arn=(given.get("SnsDestination") or {}).get("TopicArn"),
        definition={"Name": name, "Enabled": bool(given.get("Enabled", False))}
        | {key: value for key, value in given.items() if key not in ("Name", "Enabled")},
    )


def read_delivery(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return delivery options, with SES's default for TLS. Raises SesError."""
    options = {"TlsPolicy": "OPTIONAL"} | {name: given[name] for name in DELIVERY if given.get(name) is not None}
    if options["TlsPolicy"] not in ("REQUIRE", "OPTIONAL"):
        raise bad_request("TlsPolicy must be REQUIRE or OPTIONAL.")
    if not 300 <= int(options.get("MaxDeliverySeconds", 300)) <= 50_400:
        raise bad_request("MaxDeliverySeconds must be 300 to 50400.")
    return options


def read_reasons(given: list[str] | None) -> frozenset[Reason]:
    """Return suppression reasons. Raises SesError."""
    try:
        return frozenset(Reason(reason) for reason in given or ())
    except ValueError:
        raise bad_request("SuppressedReasons must be of BOUNCE and COMPLAINT.") from None


def _key(name: str) -> str:
    return f"configuration-set/{name}"
