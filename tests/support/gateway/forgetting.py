"""Forgetting, for tests: a gateway with a stand-in for SES's list, and one-line helpers for entries."""

from dataclasses import replace
from typing import Any, cast

from app.aws.ses.account import SesAccount
from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Accepted, Envelope, Outcome
from app.services.privacy.forget import Forget
from app.services.privacy.forget_counts import Forgotten
from app.store.suppression import suppressions
from app.store.suppression.suppressions import NewSuppression
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import ScriptedMailer
from tests.support.gateway.rows import rows
from tests.support.gateway.web import AccountList

KIM = "Kim.Gone@Example.NET"
KEY = "kim.gone@example.net"
NAMED = f"Kim Gone <{KIM}>"
NOWHERE = "redis://127.0.0.1:1/0"


class OpaqueMailer(ScriptedMailer):
    """SES with message ids that do not contain the address."""

    def send(self, envelope: Envelope) -> Outcome:
        super().send(envelope)
        return Accepted(f"ses-{len(self.sent):06d}")


class AwayList(AccountList):
    """SES's list while SES is unavailable."""

    def remove_suppressed(self, address: str) -> bool:
        raise ServiceUnavailable("SES could not be reached")


def with_account(gateway: Gateway, account: AccountList) -> Gateway:
    """Return the gateway, with this list in place of SES's where it forgets people."""
    forget = Forget(
        database=gateway.database,
        writer=gateway.list_writer,
        pseudonyms=gateway.pseudonyms,
        account=cast("SesAccount", account),
    )
    return replace(gateway, forget=forget)


def forget(gateway: Gateway, email: str = KIM, **more: Any) -> Forgotten:
    return gateway.forget(ROOT, email, reason="Request 4711.", **more)


def suppress(gateway: Gateway, key: str, scope: str = "*", origin: str = "manual", **more: Any) -> None:
    """Commit an entry with any origin, also one that cannot be added by hand, and update Redis as the product does."""
    with gateway.database.transaction() as connection:
        gateway.positives.add([key])
        suppressions.put(
            connection,
            NewSuppression(
                key=key, scope=scope, address=key, origin=origin, reason=f"{key} said no.", actor="test", **more
            ),
        )


def live(gateway: Gateway) -> set[tuple[str, str, str]]:
    """Return the name, scope and origin of each live entry."""
    return {(row["key"], row["scope"], row["origin"]) for row in rows(gateway, "suppressions", removed_at=None)}
