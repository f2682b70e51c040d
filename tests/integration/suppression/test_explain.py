"""Why no mail is sent to an address: every layer, its evidence, who can lift it, and nothing of anybody else's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import insert

from app.aws.account import SesAccount, Suppressed
from app.domain.errors import RestrictedApiKey, ServiceUnavailable, ValidationFailed
from app.queue import Lane
from app.services.explain import Ask, Explain, Explanation
from app.services.layers import Layer, LayerName, Verdict
from app.store import cursors, ses_list, suppressions
from app.store.db import clock
from app.store.ids import new_id
from app.store.models import reviews
from app.store.ses_list import Mirrored
from app.store.suppressions import NewSuppression
from app.wiring import Gateway
from tests.gateways import caller
from tests.mails import ROOT, bounce, complaint, delivery, feed, submit
from tests.rows import change, rows

KIM = "Kim@example.net"
KEY = "kim@example.net"
JULY = datetime(2026, 7, 1, 12, tzinfo=UTC)


class KnowingAccount:
    """SES's own list, asked by spelling: the contract of `SesAccount.get_suppressed`."""

    def __init__(self, *addresses: str, away: bool = False) -> None:
        self.addresses = addresses
        self.away = away
        self.asked: list[str] = []

    def get_suppressed(self, address: str) -> Suppressed | None:
        """The entry in exactly this spelling."""
        self.asked.append(address)
        if self.away:
            raise ServiceUnavailable("SES could not be asked: EndpointConnectionError")
        return Suppressed(address=address, reason="COMPLAINT", updated_at=JULY) if address in self.addresses else None


def explain(gateway: Gateway, email: str = KIM, who: Any = ROOT, **ask: Any) -> Explanation:
    return gateway.explain(who, email, Ask(**ask))


def layer(found: Explanation, name: LayerName) -> Layer:
    return next(one for one in found.layers if one.name is name)


def suppress(gateway: Gateway, key: str, scope: str = "*", origin: str = "manual", **more: Any) -> None:
    """An entry as it is committed, of a kind that nobody can add by hand."""
    with gateway.database.transaction() as connection:
        suppressions.put(
            connection,
            NewSuppression(
                key=key, scope=scope, address=key, origin=origin, reason="For the test.", actor="test", **more
            ),
        )


def test_an_address_that_nothing_stands_against_would_be_sent_to(gateway: Gateway) -> None:
    """Every layer says so, in the order in which a mail meets them; and nothing was heard."""
    found = explain(gateway)
    assert [one.name for one in found.layers] == list(LayerName)
    assert [one.verdict for one in found.layers] == [
        Verdict.CLEAR,
        Verdict.CLEAR,
        Verdict.CLEAR,
        Verdict.UNKNOWN,
        Verdict.CLEAR,
        Verdict.CLEAR,
    ]
    assert (found.would_send, found.except_in, found.last_news) == (True, (), None)
    assert found.conclusion == "A mail would be sent."


def test_a_bounce_is_told_with_its_mail_and_with_the_way_out(gateway: Gateway) -> None:
    """What it means in plain words, what the server said, since when, and the very words that lift it."""
    who = caller(gateway)
    mail = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, mail))
    found = explain(gateway, who=who)
    own = layer(found, LayerName.LIST)
    [entry] = own.findings
    [row] = rows(gateway, "suppressions")
    assert (own.verdict, found.would_send) == (Verdict.BLOCKS, False)
    assert "mailbox does not exist" in entry.says
    assert entry.diagnostic == "smtp; 550 5.1.1 user unknown"
    assert (entry.scope, entry.origin, entry.event) == ("*", "bounce", "bounce")
    assert (entry.since, entry.until, entry.suppression_id, entry.email_id) == (
        row["created_at"],
        None,
        row["id"],
        mail,
    )
    assert entry.lift is not None
    assert entry.lift.command == "./postern unsuppress kim@example.net --reason '...'"
    assert entry.lift.call == 'DELETE /v1/suppressions/kim@example.net?scope=* {"reason": "..."}'
    assert found.last_news is not None
    assert (found.last_news.type, found.last_news.email_id) == ("bounce", mail)
    assert found.conclusion == "No mail is sent: bounce, for every mail."


@pytest.mark.parametrize("origin, force", [("complaint", True), ("erasure", True), ("bounce", False)])
def test_what_takes_force_says_so(gateway: Gateway, origin: str, force: bool) -> None:
    """The command and the call are complete: whoever copies them is not refused for want of it."""
    suppress(gateway, KEY, origin=origin)
    lift = layer(explain(gateway), LayerName.LIST).findings[0].lift
    assert lift is not None
    assert lift.command is not None
    assert lift.call is not None
    assert lift.command.endswith(" --force") is force
    assert ('"force": true' in lift.call) is force
    gateway.suppress.remove(ROOT, KIM, scope="*", reason="asked", force=force)
    assert explain(gateway).would_send


def test_a_whole_domain_blocks_and_is_lifted_by_its_own_name(gateway: Gateway) -> None:
    """The address itself is not on the list, and the way out does not pretend that it is."""
    suppress(gateway, "@example.net")
    found = explain(gateway)
    assert layer(found, LayerName.LIST).verdict is Verdict.CLEAR
    domain = layer(found, LayerName.DOMAIN)
    assert (domain.verdict, found.would_send) == (Verdict.BLOCKS, False)
    assert domain.findings[0].lift is not None
    assert domain.findings[0].lift.command == "./postern unsuppress @example.net --reason '...'"


def test_a_stream_is_blocked_and_the_rest_is_not(gateway: Gateway) -> None:
    """Without a stream the answer names the exception; with it, it is a plain yes or no."""
    suppress(gateway, KEY, "invites/news", "unsubscribe")
    found = explain(gateway, app="invites")
    assert (found.would_send, found.except_in) == (True, ("invites/news",))
    assert not explain(gateway, app="invites", stream="news").would_send
    assert explain(gateway, app="invites", stream="tickets").except_in == ()
    assert explain(gateway, app="shop").layers[0].verdict is Verdict.CLEAR
    suppress(gateway, KEY, "invites")
    assert not explain(gateway, app="invites").would_send
    assert explain(gateway).except_in == ("invites", "invites/news")


def test_a_review_is_named_beside_the_entry(gateway: Gateway) -> None:
    """The entry holds mail back, and a person decides about it together with many others."""
    suppress(gateway, KEY, origin="bounce")
    review_id = new_id()
    add_review(gateway, review_id)
    change(gateway, "suppressions", {"review_id": review_id})
    review = layer(explain(gateway), LayerName.REVIEW)
    assert review.verdict is Verdict.BLOCKS
    assert [(one.review_id, one.since) for one in review.findings] == [(review_id, JULY)]
    assert review.findings[0].lift is not None
    assert review.findings[0].lift.command == "./postern suppressions review undo example.net --reason '...'"
    change(gateway, "reviews", {"decided_at": JULY})
    assert layer(explain(gateway), LayerName.REVIEW).verdict is Verdict.CLEAR


def add_review(gateway: Gateway, review_id: Any) -> None:
    """Many bounced at once, and nobody has decided."""
    with gateway.database.transaction() as connection:
        connection.execute(insert(reviews).values(id=review_id, domain="example.net", opened_at=JULY))


def mirror(gateway: Gateway, *addresses: str) -> None:
    """SES's own list as it was read."""
    with gateway.database.transaction() as connection:
        ses_list.mirror(
            connection, [Mirrored(address=one, key=KEY, reason="BOUNCE", updated_at=JULY) for one in addresses]
        )
        holder = new_id()
        cursors.take(connection, "ses_list", holder=holder, lease=timedelta(minutes=1))
        state = {"listed_at": clock(connection).isoformat()}
        cursors.keep(connection, "ses_list", state, holder=holder, lease=timedelta(minutes=1))


def test_ses_own_list_is_told_from_our_copy(gateway: Gateway) -> None:
    """With its spelling and with when it was read; Postern would send and SES not deliver, and the answer says so."""
    mirror(gateway, KIM)
    found = explain(gateway)
    ses = layer(found, LayerName.SES_ACCOUNT)
    assert ses.verdict is Verdict.WARNS
    assert "last read" in ses.summary
    assert ses.findings[0].lift is not None
    assert ses.findings[0].lift.command == f"aws sesv2 delete-suppressed-destination --email-address {KIM}"
    assert found.would_send
    assert "SES would not deliver it" in found.conclusion
    other = explain(gateway, "ann@example.net")
    assert layer(other, LayerName.SES_ACCOUNT).verdict is Verdict.CLEAR


def test_ses_itself_is_asked_in_every_spelling(gateway: Gateway) -> None:
    """Live, for an administrator: what our copy says does not count, and what SES does not say is not made up."""
    mirror(gateway, "KIM@example.net")
    account = KnowingAccount(KIM)
    asking = replace(gateway, explain=explainer(gateway, account))
    ses = layer(explain(asking, live=True), LayerName.SES_ACCOUNT)
    assert account.asked == ["KIM@example.net", KIM, KEY]
    assert (ses.verdict, len(ses.findings)) == (Verdict.WARNS, 1)
    assert "complaint since 2026-07-01" in ses.summary
    gone = replace(gateway, explain=explainer(gateway, KnowingAccount()))
    assert layer(explain(gone, live=True), LayerName.SES_ACCOUNT).verdict is Verdict.CLEAR
    away = replace(gateway, explain=explainer(gateway, KnowingAccount(away=True)))
    assert layer(explain(away, live=True), LayerName.SES_ACCOUNT).verdict is Verdict.UNKNOWN


def explainer(gateway: Gateway, account: KnowingAccount) -> Explain:
    return Explain(database=gateway.database, pseudonyms=gateway.pseudonyms, account=cast("SesAccount", account))


def test_the_global_list_is_told_by_its_bounces(gateway: Gateway) -> None:
    """For two weeks after the last, since SES forgets it then; it cannot be lifted, and the answer says that too."""
    mail = submit(gateway, caller(gateway), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, mail, subtype="Suppressed"))
    gateway.suppress.remove(ROOT, KIM, reason="asked", wait_for_ses=False)
    sign = layer(explain(gateway), LayerName.SES_GLOBAL)
    assert (sign.verdict, sign.findings[0].email_id) == (Verdict.WARNS, mail)
    assert sign.findings[0].lift is not None
    assert "nobody" in sign.findings[0].lift.by
    change(gateway, "events", {"occurred_at": JULY - timedelta(days=60)})
    assert layer(explain(gateway), LayerName.SES_GLOBAL).verdict is Verdict.CLEAR


def test_soft_bounces_are_counted_to_the_pause_and_through_it(gateway: Gateway) -> None:
    """One of three, two of three, then the pause with its end; a delivery begins anew."""
    who = caller(gateway)
    for number in (1, 2, 3):
        mail = submit(gateway, who, KIM)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        feed(gateway, bounce(gateway, mail, kind="Transient", subtype="MailboxFull"))
        soft = layer(explain(gateway), LayerName.SOFT_BOUNCES)
        assert f"{number} of 3" in soft.summary
        assert soft.verdict is (Verdict.BLOCKS if number == 3 else Verdict.WARNS)
    assert soft.findings[0].until is not None
    assert not explain(gateway).would_send
    feed(gateway, delivery(gateway, mail, sent_later=True))
    soft = layer(explain(gateway), LayerName.SOFT_BOUNCES)
    assert (soft.verdict, soft.findings) == (Verdict.CLEAR, ())
    assert "0 of 3" in soft.summary


def test_somebody_who_was_forgotten_is_explained_by_the_address(gateway: Gateway) -> None:
    """The entry is found under the pseudonym, and so is the way out."""
    suppress(gateway, gateway.pseudonyms(KEY), origin="erasure")
    found = explain(gateway)
    [entry] = layer(found, LayerName.LIST).findings
    assert not found.would_send
    assert "forgotten" in entry.says
    assert entry.lift is not None
    assert entry.lift.command is not None
    assert "kim@example.net" in entry.lift.command


def test_an_application_learns_of_its_own_mail_alone(gateway: Gateway) -> None:
    """What holds for every mail it is told; no mail, no stream and no server's words of another application."""
    shop, invites = caller(gateway, app="shop"), caller(gateway, app="invites")
    mail = submit(gateway, shop, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, mail))
    suppress(gateway, KEY, "shop/news", "unsubscribe")
    found = explain(gateway, who=invites)
    [entry] = layer(found, LayerName.LIST).findings
    assert (entry.scope, entry.email_id, entry.diagnostic) == ("*", None, None)
    assert "mailbox does not exist" in entry.says
    assert found.last_news is None
    told = repr(found)
    assert str(mail) not in told
    assert "shop" not in told
    assert "user unknown" not in told
    own = explain(gateway, who=shop)
    assert own.last_news is not None
    assert layer(own, LayerName.LIST).findings[0].email_id == mail


def test_the_reason_of_an_entry_for_another_applications_mail_is_not_told(gateway: Gateway) -> None:
    """Also where the evidence names the mail and no kind of bounce, as in a file of an operator: it may quote it."""
    shop, invites = caller(gateway, app="shop"), caller(gateway, app="invites")
    mail = submit(gateway, shop, KIM)
    suppress(gateway, KEY, source={"email_id": str(mail)})
    [told] = layer(explain(gateway, who=invites), LayerName.LIST).findings
    assert told.says == "News about the mail of another application."
    [own] = layer(explain(gateway, who=shop), LayerName.LIST).findings
    assert own.says == "For the test."


def test_what_takes_an_administrator_is_refused_to_others(gateway: Gateway) -> None:
    """Another application's mail, and a call to SES; a stream without its application is a question without sense."""
    who = caller(gateway)
    for ask in ({"app": "shop"}, {"live": True}):
        with pytest.raises(RestrictedApiKey):
            explain(gateway, who=who, **ask)
    with pytest.raises(ValidationFailed):
        explain(gateway, stream="news")
    with pytest.raises(ValidationFailed):
        explain(gateway, "no address")
    assert explain(gateway, who=who, app=who.app).app == who.app


def test_a_complaint_that_was_lifted_leaves_its_last_news(gateway: Gateway) -> None:
    """When nothing stands against an address, what was heard last is told all the same."""
    mail = submit(gateway, caller(gateway), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, complaint(gateway, mail))
    gateway.suppress.remove(ROOT, KIM, reason="asked", force=True, wait_for_ses=False)
    found = explain(gateway)
    assert found.would_send
    assert found.last_news is not None
    assert (found.last_news.type, found.last_news.email_id) == ("complaint", mail)
