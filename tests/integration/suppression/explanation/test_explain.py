"""Why no email is sent to an address: every layer, its evidence, the way to unsuppress it; nothing of other apps."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from app.domain.errors import RestrictedApiKey, ValidationFailed
from app.queue import Lane
from app.services.suppression.disclosure import OF_ANOTHER
from app.services.suppression.explanation.explain import Ask, Explanation
from app.services.suppression.explanation.layer import Layer, LayerName, LayerVerdict
from app.store.engine.ids import new_id
from app.store.suppression import suppressions
from app.store.suppression.suppressions import NewSuppression
from app.store.tables.core import reviews
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows

KIM = "Kim@example.net"
KEY = "kim@example.net"
JULY = datetime(2026, 7, 1, 12, tzinfo=UTC)


def explain(gateway: Gateway, email: str = KIM, who: Any = ROOT, **ask: Any) -> Explanation:
    return gateway.explain(who, email, Ask(**ask))


def layer(found: Explanation, name: LayerName) -> Layer:
    return next(one for one in found.layers if one.name is name)


def suppress(gateway: Gateway, key: str, scope: str = "*", origin: str = "manual", **more: Any) -> None:
    """Commit an entry of an origin that cannot be added by hand."""
    with gateway.database.transaction() as connection:
        suppressions.put(
            connection,
            NewSuppression(
                key=key, scope=scope, address=key, origin=origin, reason="For the test.", actor="test", **more
            ),
        )


def test_an_address_without_entries_would_be_sent_to(gateway: Gateway) -> None:
    """Every layer says so, in the order in which an email meets them; there is no last event."""
    found = explain(gateway)
    assert [one.name for one in found.layers] == list(LayerName)
    assert [one.verdict for one in found.layers] == [
        LayerVerdict.CLEAR,
        LayerVerdict.CLEAR,
        LayerVerdict.CLEAR,
        LayerVerdict.UNKNOWN,
        LayerVerdict.CLEAR,
        LayerVerdict.CLEAR,
        LayerVerdict.CLEAR,
        LayerVerdict.CLEAR,
    ]
    assert (found.would_send, found.except_in, found.last_event) == (True, (), None)
    assert found.conclusion == "An email would be sent."


def test_a_bounce_is_explained_with_its_email_and_the_way_to_unsuppress(gateway: Gateway) -> None:
    """Its meaning in plain words, the server's answer, the time, and the exact command that unsuppresses it."""
    who = caller(gateway)
    email = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    found = explain(gateway, who=who)
    own = layer(found, LayerName.LIST)
    [entry] = own.findings
    [row] = rows(gateway, "suppressions")
    assert (own.verdict, found.would_send) == (LayerVerdict.BLOCKS, False)
    assert "mailbox does not exist" in entry.says
    assert entry.diagnostic == "smtp; 550 5.1.1 user unknown"
    assert (entry.scope, entry.origin, entry.event) == ("*", "bounce", "bounce")
    assert (entry.since, entry.until, entry.suppression_id, entry.email_id) == (
        row["created_at"],
        None,
        row["id"],
        email,
    )
    assert entry.remedy is not None
    assert entry.remedy.command == "./postern unsuppress kim@example.net --reason '...'"
    assert entry.remedy.call == 'DELETE /v1/suppressions/kim@example.net?scope=* {"reason": "..."}'
    assert found.last_event is not None
    assert (found.last_event.type, found.last_event.email_id) == ("bounce", email)
    assert found.conclusion == "No email is sent: bounce, for every email."


@pytest.mark.parametrize("origin, force", [("complaint", True), ("erasure", True), ("bounce", False)])
def test_an_entry_that_takes_force_says_so(gateway: Gateway, origin: str, force: bool) -> None:
    """The command and the call are complete: a copy of them is not refused for a missing option."""
    suppress(gateway, KEY, origin=origin)
    remedy = layer(explain(gateway), LayerName.LIST).findings[0].remedy
    assert remedy is not None
    assert remedy.command is not None
    assert remedy.call is not None
    assert remedy.command.endswith(" --force") is force
    assert ('"force": true' in remedy.call) is force
    gateway.unsuppress(ROOT, KIM, scope="*", reason="asked", force=force)
    assert explain(gateway).would_send


def test_a_whole_domain_blocks_and_is_unsuppressed_by_its_own_name(gateway: Gateway) -> None:
    """The address itself is not on the list, and the command does not name it."""
    suppress(gateway, "@example.net")
    found = explain(gateway)
    assert layer(found, LayerName.LIST).verdict is LayerVerdict.CLEAR
    domain = layer(found, LayerName.DOMAIN)
    assert (domain.verdict, found.would_send) == (LayerVerdict.BLOCKS, False)
    assert domain.findings[0].remedy is not None
    assert domain.findings[0].remedy.command == "./postern unsuppress @example.net --reason '...'"


def test_a_stream_is_blocked_and_the_rest_is_not(gateway: Gateway) -> None:
    """Without a stream the answer names the exception; with it, the answer is a plain yes or no."""
    suppress(gateway, KEY, "invites/news", "unsubscribe")
    found = explain(gateway, app="invites")
    assert (found.would_send, found.except_in) == (True, ("invites/news",))
    assert not explain(gateway, app="invites", stream="news").would_send
    assert explain(gateway, app="invites", stream="tickets").except_in == ()
    assert explain(gateway, app="shop").layers[0].verdict is LayerVerdict.CLEAR
    suppress(gateway, KEY, "invites")
    assert not explain(gateway, app="invites").would_send
    assert explain(gateway).except_in == ("invites", "invites/news")


def test_a_review_is_named_beside_the_entry(gateway: Gateway) -> None:
    """The entry holds email back, and a person decides about it together with many others."""
    suppress(gateway, KEY, origin="bounce")
    review_id = new_id()
    add_review(gateway, review_id)
    change(gateway, "suppressions", {"review_id": review_id})
    review = layer(explain(gateway), LayerName.REVIEW)
    assert review.verdict is LayerVerdict.BLOCKS
    assert [(one.review_id, one.since) for one in review.findings] == [(review_id, JULY)]
    assert review.findings[0].remedy is not None
    assert review.findings[0].remedy.command == "./postern suppressions review undo example.net --reason '...'"
    change(gateway, "reviews", {"decided_at": JULY})
    assert layer(explain(gateway), LayerName.REVIEW).verdict is LayerVerdict.CLEAR


def add_review(gateway: Gateway, review_id: Any) -> None:
    """A burst of bounces without a decision."""
    with gateway.database.transaction() as connection:
        connection.execute(insert(reviews).values(id=review_id, domain="example.net", opened_at=JULY))


def test_the_global_list_is_inferred_from_its_bounces(gateway: Gateway) -> None:
    """For two weeks after the last one, when SES forgets it. The answer says that it cannot be unsuppressed."""
    email = submit(gateway, caller(gateway), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email, subtype="Suppressed"))
    gateway.unsuppress(ROOT, KIM, reason="asked", wait_for_ses=False)
    sign = layer(explain(gateway), LayerName.SES_GLOBAL)
    assert (sign.verdict, sign.findings[0].email_id) == (LayerVerdict.WARNS, email)
    assert sign.findings[0].remedy is not None
    assert "SES itself" in sign.findings[0].remedy.by
    change(gateway, "events", {"occurred_at": JULY - timedelta(days=60)})
    assert layer(explain(gateway), LayerName.SES_GLOBAL).verdict is LayerVerdict.CLEAR


def test_soft_bounces_are_counted_to_the_pause_and_through_it(gateway: Gateway) -> None:
    """One of three, two of three, then the pause with its end; after a delivery the count starts again."""
    who = caller(gateway)
    for number in (1, 2, 3):
        email = submit(gateway, who, KIM)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        feed(gateway, bounce(gateway, email, kind="Transient", subtype="MailboxFull"))
        soft = layer(explain(gateway), LayerName.SOFT_BOUNCES)
        assert f"{number} of 3" in soft.summary
        assert soft.verdict is (LayerVerdict.BLOCKS if number == 3 else LayerVerdict.WARNS)
    assert soft.findings[0].until is not None
    assert not explain(gateway).would_send
    feed(gateway, delivery(gateway, email, sent_later=True))
    soft = layer(explain(gateway), LayerName.SOFT_BOUNCES)
    assert (soft.verdict, soft.findings) == (LayerVerdict.CLEAR, ())
    assert "0 of 3" in soft.summary


def test_a_forgotten_person_is_explained_by_the_address(gateway: Gateway) -> None:
    """The entry and the way to unsuppress it are found under the pseudonym."""
    suppress(gateway, gateway.pseudonyms(KEY), origin="erasure")
    found = explain(gateway)
    [entry] = layer(found, LayerName.LIST).findings
    assert not found.would_send
    assert "forgotten" in entry.says
    assert entry.remedy is not None
    assert entry.remedy.command is not None
    assert "kim@example.net" in entry.remedy.command


def test_an_application_learns_of_its_own_email_alone(gateway: Gateway) -> None:
    """It sees entries for every email, but no email, stream or server's answer of another application."""
    shop, invites = caller(gateway, app="shop"), caller(gateway, app="invites")
    email = submit(gateway, shop, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    suppress(gateway, KEY, "shop/news", "unsubscribe")
    found = explain(gateway, who=invites)
    [entry] = layer(found, LayerName.LIST).findings
    assert (entry.scope, entry.email_id, entry.diagnostic) == ("*", None, None)
    assert "mailbox does not exist" in entry.says
    assert found.last_event is None
    shown = repr(found)
    assert str(email) not in shown
    assert "shop" not in shown
    assert "user unknown" not in shown
    own = explain(gateway, who=shop)
    assert own.last_event is not None
    assert layer(own, LayerName.LIST).findings[0].email_id == email


def test_the_reason_of_an_entry_for_another_applications_email_is_hidden(gateway: Gateway) -> None:
    """Also where the evidence names the email but no kind of bounce, as from an operator's file, which may quote it."""
    shop, invites = caller(gateway, app="shop"), caller(gateway, app="invites")
    email = submit(gateway, shop, KIM)
    suppress(gateway, KEY, source={"email_id": str(email)})
    [finding] = layer(explain(gateway, who=invites), LayerName.LIST).findings
    assert finding.says == OF_ANOTHER
    [own] = layer(explain(gateway, who=shop), LayerName.LIST).findings
    assert own.says == "For the test."


def test_what_takes_an_administrator_is_refused_to_others(gateway: Gateway) -> None:
    """Another application's email, and a call to SES; also refused: a stream without its application."""
    who = caller(gateway)
    for ask in ({"app": "shop"}, {"live": True}):
        with pytest.raises(RestrictedApiKey):
            explain(gateway, who=who, **ask)
    with pytest.raises(ValidationFailed):
        explain(gateway, stream="news")
    with pytest.raises(ValidationFailed):
        explain(gateway, "no address")
    assert explain(gateway, who=who, app=who.app).app == who.app


def test_an_unsuppressed_complaint_stays_as_the_last_event(gateway: Gateway) -> None:
    """With no entry against an address, the last event about it is still shown."""
    email = submit(gateway, caller(gateway), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, complaint(gateway, email))
    gateway.unsuppress(ROOT, KIM, reason="asked", force=True, wait_for_ses=False)
    found = explain(gateway)
    assert found.would_send
    assert found.last_event is not None
    assert (found.last_event.type, found.last_event.email_id) == ("complaint", email)
