"""The area `apps`: applications, their keys and their streams."""

from dataclasses import dataclass

from app.services.apps.apps import Apps
from app.services.apps.authenticate import Authenticate
from app.services.apps.budgets import Budgets
from app.services.apps.issue_keys import IssueKeys
from app.services.apps.streams import Streams
from app.wiring.foundation import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class AppServices:
    """What this area offers."""

    authenticate: Authenticate
    apps: Apps
    issue_keys: IssueKeys
    streams: Streams
    budgets: Budgets


def build_apps(ground: Ground) -> AppServices:
    """The services of applications."""
    return AppServices(
        authenticate=Authenticate(database=ground.database),
        apps=Apps(database=ground.database),
        issue_keys=IssueKeys(database=ground.database),
        streams=Streams(database=ground.database, links=ground.links),
        budgets=Budgets(database=ground.database),
    )
