"""The area `reporting`: what became of emails, in words for people."""

from dataclasses import dataclass

from app.services.reporting.outcomes import Outcomes
from app.wiring.foundation import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingServices:
    """What this area offers."""

    outcomes: Outcomes


def build_reporting(ground: Ground) -> ReportingServices:
    """The services of reporting."""
    return ReportingServices(outcomes=Outcomes(database=ground.database))
