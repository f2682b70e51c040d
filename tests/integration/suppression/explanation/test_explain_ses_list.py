"""SES's own list in an explanation: our copy of it, and SES itself in every spelling when it is asked live."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from app.aws.ses.account import Quota, SesAccount, Suppressed
from app.domain.errors import ServiceUnavailable
from app.services.suppression.explanation.explain import Ask, Explain, Explanation
from app.services.suppression.explanation.layer import Layer, LayerName, LayerVerdict
from app.store.account import ses_list
from app.store.account.ses_list import Mirrored
from app.store.engine.database import clock
from app.store.engine.ids import new_id
from app.store.operating import job_cursors
from app.wiring.gateway import Gateway
from tests.support.aws.bounces import bounce_reader
from tests.support.aws.quotas import quota
from tests.support.gateway.emails import ROOT

KIM = "Kim@example.net"
KEY = "kim@example.net"
JULY = datetime(2026, 7, 1, 12, tzinfo=UTC)


class KnowingAccount:
    """Stands in for SES's own list, looked up by spelling, and for whether it counts: the contract of `SesAccount`."""

    def __init__(self, *addresses: str, away: bool = False, counts: tuple[str, ...] = ("BOUNCE", "COMPLAINT")) -> None:
        self.addresses = addresses
        self.away = away
        self.counts = counts
        self.asked: list[str] = []

    def get_suppressed(self, address: str, *, longest_wait_s: float) -> Suppressed | None:
        """The entry in exactly this spelling."""
        self.asked.append(address)
        if self.away:
            raise ServiceUnavailable("SES could not be asked: EndpointConnectionError")
        return Suppressed(address=address, reason="COMPLAINT", updated_at=JULY) if address in self.addresses else None

    def quota(self) -> Quota:
        """What the account may do, and which entries of its list stop an email."""
        return quota(*self.counts)


def explain(gateway: Gateway, email: str = KIM, **ask: Any) -> Explanation:
    return gateway.explain(ROOT, email, Ask(**ask))


def layer(found: Explanation, name: LayerName) -> Layer:
    return next(one for one in found.layers if one.name is name)


def mirror(gateway: Gateway, *addresses: str) -> None:
    """SES's own list as it was read."""
    with gateway.database.transaction() as connection:
        ses_list.mirror(
            connection, [Mirrored(address=one, key=KEY, reason="BOUNCE", updated_at=JULY) for one in addresses]
        )
        holder = new_id()
        job_cursors.take(connection, "ses_list", holder=holder, lease=timedelta(minutes=1))
        state = {"listed_at": clock(connection).isoformat()}
        job_cursors.keep(connection, "ses_list", state, holder=holder, lease=timedelta(minutes=1))


def test_ses_own_list_is_shown_from_our_copy(gateway: Gateway) -> None:
    """With the spelling and the time of reading; the answer says that Postern would send and SES not deliver."""
    mirror(gateway, KIM)
    found = explain(gateway)
    ses = layer(found, LayerName.SES_ACCOUNT)
    assert ses.verdict is LayerVerdict.WARNS
    assert "last read" in ses.summary
    assert ses.findings[0].remedy is not None
    assert ses.findings[0].remedy.command == f"aws sesv2 delete-suppressed-destination --email-address {KIM}"
    assert found.would_send
    assert "SES would not deliver it" in found.conclusion
    other = explain(gateway, "ann@example.net")
    assert layer(other, LayerName.SES_ACCOUNT).verdict is LayerVerdict.CLEAR


def test_ses_itself_is_asked_in_every_spelling(gateway: Gateway) -> None:
    """Live, for an administrator: our copy does not count, and nothing is made up beyond SES's answer."""
    mirror(gateway, "KIM@example.net")
    account = KnowingAccount(KIM)
    asking = replace(gateway, explain=explainer(gateway, account))
    ses = layer(explain(asking, live=True), LayerName.SES_ACCOUNT)
    assert account.asked == ["KIM@example.net", KIM, KEY]
    assert (ses.verdict, len(ses.findings)) == (LayerVerdict.WARNS, 1)
    assert "complaint since 2026-07-01" in ses.summary
    off = replace(gateway, explain=explainer(gateway, KnowingAccount(KIM, counts=("BOUNCE",))))
    ses = layer(explain(off, live=True), LayerName.SES_ACCOUNT)
    assert ses.verdict is LayerVerdict.CLEAR
    assert "switched off for such entries: it stops no email" in ses.summary
    gone = replace(gateway, explain=explainer(gateway, KnowingAccount()))
    assert layer(explain(gone, live=True), LayerName.SES_ACCOUNT).verdict is LayerVerdict.CLEAR
    away = replace(gateway, explain=explainer(gateway, KnowingAccount(away=True)))
    assert layer(explain(away, live=True), LayerName.SES_ACCOUNT).verdict is LayerVerdict.UNKNOWN


def explainer(gateway: Gateway, account: KnowingAccount) -> Explain:
    parts: Any = {"database": gateway.database, "pseudonyms": gateway.pseudonyms, "bounces": bounce_reader()}
    return Explain(account=cast("SesAccount", account), **parts)
