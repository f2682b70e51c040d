"""Why a colleague gets no email when the cause is ours: lanes, circuits, recovery, and the last emails."""

import pytest

from app.domain.sending.call_outcome import Refused
from app.queue import Lane
from app.services.suppression.explanation.explain import Ask, Explanation
from app.services.suppression.explanation.layer import Layer, LayerName, LayerVerdict
from app.store.sending import circuits
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import ScriptedMailer, caller

KIM = "kim@example.net"


def layer(found: Explanation, name: LayerName) -> Layer:
    return next(one for one in found.layers if one.name is name)


def trip(gateway: Gateway, scope: str, reason: str) -> None:
    """Open a circuit as a worker does."""
    with gateway.database.transaction() as connection:
        circuits.trip(connection, scope, reason=reason)


def test_a_paused_lane_is_named_with_its_reason_and_the_way_out(gateway: Gateway) -> None:
    """Email of the other lane goes on, so it warns; whether this email waits is said at the email itself."""
    gateway.pause_lanes.pause(ROOT, Lane.TRANSACTIONAL, reason="Wrong picture.")
    email = submit(gateway, caller(gateway), KIM)
    found = gateway.explain(ROOT, KIM)
    sending = layer(found, LayerName.SENDING)
    assert (sending.verdict, found.would_send) == (LayerVerdict.WARNS, True)
    assert sending.summary == "Some email is kept and waits: the lane transactional is paused (Wrong picture)."
    assert sending.findings[0].remedy is not None
    assert sending.findings[0].remedy.command == "./postern resume transactional"
    [last] = layer(found, LayerName.LAST_EMAILS).findings
    assert (last.email_id, last.says) == (email, "invites/default: queued. Held back: Wrong picture.")


@pytest.mark.parametrize("scope", ["ses", "account", "configuration_set", "keys", "recovery"])
def test_what_holds_all_email_is_the_conclusion(gateway: Gateway, scope: str) -> None:
    """The email is kept and sent later, and the conclusion says why."""
    trip(gateway, scope, "SES cannot be reached.")
    found = gateway.explain(ROOT, KIM)
    assert (layer(found, LayerName.SENDING).verdict, found.would_send) == (LayerVerdict.DELAYS, False)
    assert found.conclusion.startswith("An email would be kept, and sent later. All email is kept and waits: ")
    assert "SES cannot be reached" in found.conclusion


def test_a_circuit_of_another_application_is_not_shown(gateway: Gateway) -> None:
    """Its stream is none of ours; one of a sender domain may be anybody's."""
    trip(gateway, "stream:shop/news", "Too many bounces.")
    who = caller(gateway)
    assert layer(gateway.explain(who, KIM), LayerName.SENDING).verdict is LayerVerdict.CLEAR
    assert layer(gateway.explain(ROOT, KIM, Ask(app="shop", stream="news")), LayerName.SENDING).findings != ()
    assert layer(gateway.explain(ROOT, KIM, Ask(app="shop", stream="x")), LayerName.SENDING).findings == ()
    trip(gateway, "sender:example.com", "Not verified.")
    assert layer(gateway.explain(who, KIM), LayerName.SENDING).findings[0].scope == "sender:example.com"


def test_the_last_emails_are_shown_with_what_became_of_them(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Newest first, five at most; the newest decides the verdict; an application sees its own alone."""
    who, shop = caller(gateway), caller(gateway, app="shop")
    sent = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert layer(gateway.explain(ROOT, KIM), LayerName.LAST_EMAILS).verdict is LayerVerdict.CLEAR
    mailer.answers[KIM] = Refused("Too large.")
    failed = submit(gateway, shop, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    last = layer(gateway.explain(ROOT, KIM), LayerName.LAST_EMAILS)
    assert [one.email_id for one in last.findings] == [failed, sent]
    assert (last.verdict, last.findings[0].says) == (LayerVerdict.WARNS, "shop/default: failed. Too large.")
    assert last.summary.endswith("UTC: failed.")
    assert [one.email_id for one in layer(gateway.explain(who, KIM), LayerName.LAST_EMAILS).findings] == [sent]
    for _ in range(6):
        submit(gateway, who, KIM)
    assert len(layer(gateway.explain(ROOT, KIM), LayerName.LAST_EMAILS).findings) == 5
