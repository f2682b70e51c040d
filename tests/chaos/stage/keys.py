"""The API keys of a drill: those by which its application comes through each door, and an administrator's."""

from dataclasses import dataclass

from app.domain.apps.budget import Pauses
from app.domain.apps.callers import Scope
from app.services.apps.authenticate import operator
from app.services.apps.issue_keys import Issued
from app.wiring.gateway import build
from config import Settings
from tests.support.gateway.gateways import issue

APP = "drill"
OWN_SCOPES = frozenset({Scope.EMAILS_SEND, Scope.EMAILS_READ, Scope.SUPPRESSIONS_READ, Scope.WEBHOOKS_WRITE})


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillKeys:
    """`api`, `ses` and `smtp` are of one application, each for the door of its name."""

    api: Issued
    ses: Issued
    smtp: Issued
    admin: Issued


def issue_keys(settings: Settings) -> DrillKeys:
    """Issue the keys at the gateway of these settings."""
    gateway = build(settings)
    try:
        keys = DrillKeys(
            api=issue(gateway, app=APP, scopes=OWN_SCOPES),
            ses=issue(gateway, app=APP, scopes=frozenset({Scope.SES, Scope.EMAILS_SEND})),
            smtp=issue(gateway, app=APP, scopes=frozenset({Scope.SMTP, Scope.EMAILS_SEND})),
            admin=issue(gateway, app="operators", scopes=frozenset({Scope.ADMIN}), senders=()),
        )
        # Its emails bounce and are complained about far beyond any budget, and none of them may wait for a person.
        gateway.budgets.set(operator("chaos"), APP, {"pauses": Pauses.NOTHING})
    finally:
        gateway.close()
    return keys
