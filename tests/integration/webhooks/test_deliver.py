"""An event goes from the move of a recipient to the endpoint that subscribes to it, signed, and is recorded."""

from resend.webhooks._webhooks import Webhooks

from app.queue import Lane
from app.services.paging import Page
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import bounce, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.webhooks.endpoints import scripted, states, subscribe


def test_a_bounce_is_told_to_the_application(gateway: Gateway) -> None:
    """The endpoint gets both events of the email, in order, signed with its secret, and both are recorded."""
    who, poster = caller(gateway), scripted(gateway)
    added = subscribe(gateway, who, "email.sent", "email.bounced")
    email = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))

    assert gateway.webhooks.deliver.drain() == 2

    assert poster.types() == ["email.sent", "email.bounced"]
    told = poster.got[1].json["data"]
    assert (told["email_id"], told["to"], told["sequence"]) == (str(email), ["kim@example.net"], 2)
    assert told["cause"] == "mailbox_gone"
    assert told["bounce"]["type"] == "Permanent"
    for posted in poster.got:
        headers = {name: posted.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
        options = {"payload": posted.body.decode(), "headers": headers, "webhook_secret": added.secret}
        Webhooks.verify(options)  # type: ignore[arg-type]
    assert states(gateway, who, added.endpoint.id) == ["delivered", "delivered"]
    [_, first] = gateway.webhooks.deliveries.page(who, added.endpoint.id, Page(limit=10)).data
    [attempt] = gateway.webhooks.deliveries.get(who, added.endpoint.id, first.id).attempts
    assert (attempt.number, attempt.outcome, attempt.status) == (1, "accepted", 200)
