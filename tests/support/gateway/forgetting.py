"""Forgetting for tests: a gateway with a stand-in for SES's list, and entries and questions in one line."""

from dataclasses import replace
from typing import Any, cast

from app.aws.account import SesAccount
from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Accepted, Envelope, Outcome
from app.services.forget import Forget, Forgotten
from app.store import suppressions
from app.store.suppressions import NewSuppression
from app.wiring import Gateway
from tests.gateways import ScriptedMailer
from tests.mails import ROOT
from tests.rows import rows
from tests.web import AccountList

KIM = "Kim.Gone@Example.NET"
KEY = "kim.gone@example.net"
NAMED = f"Kim Gone <{KIM}>"
NOWHERE = "redis://127.0.0.1:1/0"


class OpaqueMailer(ScriptedMailer):
    """SES, whose message ids name nobody."""

    def send(self, envelope: Envelope) -> Outcome:
        super().send(envelope)
        return Accepted(f"ses-{len(self.sent):06d}")


class AwayList(AccountList):
    """SES's list while SES is away."""

    def remove_suppressed(self, address: str) -> bool:
        raise ServiceUnavailable("SES could not be asked")


def with_account(gateway: Gateway, account: AccountList) -> Gateway:
    """The gateway with this list in place of SES's."""
    forget = Forget(
        database=gateway.database,
        positives=gateway.positives,
        pseudonyms=gateway.pseudonyms,
        account=cast("SesAccount", account),
    )
    gateway.suppress._account = cast("SesAccount", account)
    return replace(gateway, forget=forget)


def forget(gateway: Gateway, email: str = KIM, **more: Any) -> Forgotten:
    return gateway.forget(ROOT, email, reason="Request 4711.", **more)


def suppress(gateway: Gateway, key: str, scope: str = "*", origin: str = "manual", **more: Any) -> None:
    """An entry as it is committed, of a kind that nobody can add by hand; Redis is told as by everybody."""
    with gateway.database.transaction() as connection:
        gateway.positives.add([key])
        suppressions.put(
            connection,
            NewSuppression(
                key=key, scope=scope, address=key, origin=origin, reason=f"{key} said no.", actor="test", **more
            ),
        )


def live(gateway: Gateway) -> set[tuple[str, str, str]]:
    """Name, scope and origin of each live entry."""
    return {(row["key"], row["scope"], row["origin"]) for row in rows(gateway, "suppressions", removed_at=None)}
