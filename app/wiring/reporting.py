"""The area `reporting`: what became of emails, in words for people and in counts."""

from dataclasses import dataclass

from app.services.reporting.last_hour import ReadLastHour
from app.services.reporting.linked_outcomes import LinkedOutcomes
from app.services.reporting.outcome_links import OutcomeLinks
from app.services.reporting.outcomes import Outcomes
from app.services.reporting.reputation import ReadReputation
from app.services.reporting.stats import ReadStats
from app.wiring.foundation import Ground, base_of_links
from config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingServices:
    """What this area offers."""

    outcomes: Outcomes
    outcome_links: OutcomeLinks
    linked_outcomes: LinkedOutcomes
    read_stats: ReadStats
    read_last_hour: ReadLastHour
    read_reputation: ReadReputation


def build_reporting(settings: Settings, ground: Ground) -> ReportingServices:
    """The services of reporting."""
    outcomes = Outcomes(database=ground.database)
    links = OutcomeLinks(
        database=ground.database, base=base_of_links(settings), keys=ground.key_ring.derive_each("outcomes")
    )
    return ReportingServices(
        outcomes=outcomes,
        outcome_links=links,
        linked_outcomes=LinkedOutcomes(links=links, outcomes=outcomes),
        read_stats=ReadStats(database=ground.database),
        read_last_hour=ReadLastHour(database=ground.database),
        read_reputation=ReadReputation(database=ground.database),
    )
