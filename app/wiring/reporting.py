"""The area `reporting`: counts over time."""

from dataclasses import dataclass

from app.services.reporting.stats import ReadStats
from app.wiring.foundation import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingServices:
    """What this area offers."""

    read_stats: ReadStats


def build_reporting(ground: Ground) -> ReportingServices:
    """The services of reporting."""
    return ReportingServices(read_stats=ReadStats(database=ground.database))
