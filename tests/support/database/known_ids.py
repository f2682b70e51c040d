"""Some ids of a gateway with years of history, for requests and commands that name one."""

from urllib.parse import urlsplit

from sqlalchemy import text

from app.domain.apps.callers import Scope
from app.domain.reporting.outcome_links import LinkKind
from app.queue import Lane
from app.services.reporting.outcome_links import LinkWish
from tests.support.database.history import HOOKS
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.unsubscribe import mark, path_of
from tests.support.gateway.web import Web
from tests.support.webhooks.endpoints import subscribe


def known_ids(web: Web) -> dict[str, str]:
    """Some ids of the history, keyed by what they identify, and the token of an unsubscribe link."""
    found = {}
    with web.gateway.database.reading() as connection:
        for state in ("delivered", "scheduled", "queued", "held"):
            query = "select email_id from recipients where state = :state order by id desc limit 2"
            found[state], found[f"also_{state}"] = map(str, connection.scalars(text(query), {"state": state}))
        found["entry"] = str(connection.scalar(text("select id from suppressions where removed_at is null limit 1")))
        of_hook = text("select id from webhook_deliveries where endpoint_id = :hook limit 1")
        found["delivery"] = str(connection.scalar(of_hook, {"hook": HOOKS["app-1"]}))
    ops = caller(web.gateway, app="ops", scopes=frozenset({Scope.ADMIN}))
    found["webhook"] = str(subscribe(web.gateway, ops, "email.sent").endpoint.id)
    mark(web.gateway, app="app-1")
    made = web.gateway.reporting.outcome_links.create(
        caller(web.gateway, app="app-1"), LinkWish(kind=LinkKind.ACTOR, value="team")
    )
    found |= {"link": str(made.link.id), "page": urlsplit(made.url or "").path}
    submit(web.gateway, caller(web.gateway, app="app-1"), "kim@example.net", stream="news")
    for lane in Lane:
        web.gateway.deliver.drain(lane)
    return found | {"token": path_of(web).removeprefix("unsubscribe/")}
