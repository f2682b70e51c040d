"""The requests to a gateway with years of history: each list by each filter, each route, each command.

The values of filters are common ones, rare ones, and ones that no row has.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.domain.reporting.outcome_words import OutcomeCause
from app.domain.reporting.outcomes import OutcomeKind
from app.domain.sending.last_event import LAST_EVENTS
from app.domain.sending.state_machine import State
from tests.support.database.history import HOOKS, ROLE_ADDRESS
from tests.support.gateway.web import MAIL, NO_ID

LISTED: Final = "listed.{}@mail{}.example.net"
OLD, RECENT = (f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (60, 3))
REQUEST: Final = "01800000-0000-7000-8000-000000000077"
PERSON: Final = "person.201@mail201.example.net"


def email_queries() -> Iterator[str]:
    """Yield queries of the list of emails: each filter with common and rare values, and some filters together."""
    yield ""
    yield from (f"last_event={word}" for word in sorted(LAST_EVENTS))
    yield from (f"state={state}" for state in State)
    yield from (f"cause={cause}" for cause in ("mailbox_gone", "mailbox_full", "our_rate,spam_verdict"))
    yield from (
        f"cause=mailbox_gone&{other}" for other in ("state=bounced", "stream=rare", "tag=user:77", f"to={PERSON}")
    )
    yield from (f"to={address}" for address in (PERSON, ROLE_ADDRESS, "nobody@example.org"))
    yield from (f"to={ROLE_ADDRESS}&state={state}" for state in (State.DELIVERED, State.HELD))
    yield from (f"tag={tag}" for tag in ("campaign:c3", "user:77", "user:nobody"))
    yield from (f"stream={stream}" for stream in ("default", "rare", "never"))
    yield from (f"lane={lane}" for lane in ("bulk", "transactional", "bulk&due=true", "transactional&due=true"))
    yield from (f"provider={provider}" for provider in ("gmail", "orange", "tencent", "orange&state=complained"))
    yield from (f"actor={actor}" for actor in ("importer", "inviter-77", "inviter-none"))
    yield from (
        f"actor={actor}&{more}" for actor in ("importer", "inviter-77") for more in ("state=held", f"to={PERSON}")
    )
    yield from ("actor=inviter-77&state=bounced", "actor=inviter-77&stream=default&last_event=delivered")
    yield from (f"reference={reference}" for reference in ("invitation-77", "invitation-none"))
    yield from (
        f"reference=invitation-77&{more}" for more in ("state=bounced", f"to={ROLE_ADDRESS}", "tag=campaign:c3")
    )
    yield from (f"supersedes={key}" for key in ("daily", "status-77", "status-none"))
    yield from ("supersedes=status-77&last_event=canceled", "supersedes=status-77&actor=importer&cause=mailbox_full")
    yield from (f"request_id={request}" for request in (REQUEST, NO_ID))
    yield from (f"request_id={REQUEST}&{more}" for more in ("state=delivered", f"to={ROLE_ADDRESS}", "tag=campaign:c3"))
    yield from ("stream=default&state=held", "stream=rare&state=delivered", "tag=user:77&last_event=bounced")
    yield from (
        "last_event=bounced,complained",
        "state=held,failed&tag=campaign:c3&tag=user:77",
        "last_event=sent,queued",
    )
    yield from (f"{way}={moment}" for way in ("since", "until") for moment in (OLD, RECENT, "2019-01-01T00:00:00Z"))
    yield f"since={OLD}&until={RECENT}&last_event=failed"
    yield from ("after=01a00000-0000-7000-8000-000000000000", "before=01900000-0000-7000-8000-000000000000&limit=100")


def outcome_queries(*, page: bool) -> Iterator[str]:
    """Yield queries of outcomes, or of their counts: each filter with common and rare values, and some together."""
    whose = [
        *("", "actor=user-13", "actor=team", "actor=nobody", "reference=invitation-77", "reference=none", "app=app-1"),
        *("tag=campaign:c3", "tag=user:77", "tag=user:nobody", "stream=default", "stream=rare", "stream=never"),
        *(f"email={PERSON}", f"email={ROLE_ADDRESS}", "email=nobody@example.org", "actor=team&stream=rare&app=app-5"),
        *(f"{way}={moment}" for way in ("since", "until") for moment in (OLD, RECENT, "2019-01-01T00:00:00Z")),
    ]
    yield from whose
    if page:
        yield from (f"outcome={kind}" for kind in OutcomeKind)
        yield from (f"cause={cause}" for cause in OutcomeCause if cause is not OutcomeCause.TYPO)
        yield from (
            "actor=user-13&cause=typo",
            "actor=user-13&outcome=not_sent,unknown",
            "actor=team&outcome=not_sent",
            "stream=rare&outcome=delivered",
        )
        yield from (
            "actor=team&cause=expired",
            "reference=invitation-77&outcome=unknown",
            "reference=campaign&outcome=unknown",
        )
        yield from ("after={recipient}", "before={recipient}&limit=100&actor=user-13", "format=csv&actor=user-13")


def suppression_queries() -> Iterator[str]:
    """Yield queries of the suppression list: each filter with common and rare values."""
    yield ""
    yield from (f"origin={origin}" for origin in ("bounce", "unsubscribe", "erasure"))
    yield from (f"scope={scope}" for scope in ("*", "app-1/default", "app-5", "app-5/never"))
    yield from (f"q={prefix}" for prefix in ("l", "listed.77", "nobody.here", "@"))
    yield from ("status=review", "status=live", "scope=app-5&origin=manual", "limit=100&q=listed.7&origin=unsubscribe")
    yield from ("after=01a00000-0000-7000-8000-000000000000", "before=01900000-0000-7000-8000-000000000000")


def delivery_queries() -> Iterator[str]:
    """Yield queries of the deliveries of an endpoint: each state, and pages from the middle."""
    yield ""
    yield from (f"state={state}" for state in ("waiting", "delivered", "failed"))
    yield from ("after=01a00000-0000-7000-8000-000000000000&limit=100", "before=01900000-0000-7000-8000-000000000000")
    yield "state=failed&after=01a00000-0000-7000-8000-000000000000"


QUERIES: Final = {
    ("GET", "/v1/emails"): list(email_queries()),
    ("GET", "/v1/apps"): ["", f"limit=2&after={NO_ID}", f"before={NO_ID}"],
    ("GET", "/v1/apps/<app>/keys"): ["", f"limit=2&after={NO_ID}", f"before={NO_ID}"],
    ("GET", "/v1/outcomes"): list(outcome_queries(page=True)),
    ("GET", "/v1/outcomes/counts"): list(outcome_queries(page=False)),
    ("GET", "/v1/outcome-links"): [
        "",
        "after=01a00000-0000-7000-8000-000000000000",
        "before=01900000-0000-7000-8000-000000000000&limit=100",
    ],
    ("GET", "/v1/suppressions"): list(suppression_queries()),
    ("GET", "/v1/suppressions/export"): ["", "scope=app-5", "origin=unsubscribe"],
    ("GET", "/v1/suppressions/<path:email>/explain"): ["", "app=app-1&stream=default"],
    ("GET", "/v1/suppressions/reviews"): [""],
    ("GET", "/v1/webhooks"): ["", *(f"limit=2&{way}={HOOKS['app-3']}" for way in ("after", "before"))],
    ("GET", "/v1/webhooks/<uuid:webhook_id>/deliveries"): list(delivery_queries()),
    ("GET", "/v1/stats"): [
        "",
        "by=hour",
        f"since={OLD}&until={RECENT}",
        "stream=stream-2&provider=gmail",
        "app=app-5",
        "stream=never",
    ],
}
"""The queries of each list. Each filter of a list needs a query here, or the test of completeness fails."""


Calls = dict[tuple[str, str], list[tuple[str, Any]]]


def single_calls(ids: dict[str, str]) -> Calls:
    """Return the requests to each route that is not a list: path and body."""
    return {
        **calls_of_pages(ids),
        **calls_of_webhooks(ids),
        **calls_of_apps(),
        **calls_of_emails(ids),
        **calls_of_suppressions(ids),
    }


def calls_of_pages(ids: dict[str, str]) -> Calls:
    """Those of pages, health and feedback."""
    token = "/unsubscribe/" + ids["token"]
    return {
        ("GET", "/docs"): [("/docs", None)],
        ("GET", "/docs/<name>"): [("/docs/none", None)],
        ("GET", "/healthz"): [("/healthz", None)],
        ("GET", "/openapi.json"): [("/openapi.json", None)],
        ("GET", "/metrics"): [("/metrics", None)],
        ("GET", "/readyz"): [("/readyz", None)],
        ("POST", "/feedback/sns"): [("/feedback/sns", {})],
        ("GET", "/unsubscribe/<path:token>"): [(token, None)],
        ("GET", "/outcomes/style.css"): [("/outcomes/style.css", None)],
        ("GET", "/outcomes/<token>"): [(ids["page"], None), (f"{ids['page']}?outcome=unknown&format=csv", None)],
        ("POST", "/v1/outcome-links"): [("/v1/outcome-links", {"tag": "campaign:c3"})],
        ("GET", "/v1/outcome-links/<uuid:link_id>"): [(f"/v1/outcome-links/{ids['link']}", None)],
        ("DELETE", "/v1/outcome-links/<uuid:link_id>"): [(f"/v1/outcome-links/{ids['link']}", None)],
        ("POST", "/unsubscribe/<path:token>"): [(token, "List-Unsubscribe=One-Click")],
    }


def calls_of_webhooks(ids: dict[str, str]) -> Calls:
    """Those of webhooks."""
    hook = f"/v1/webhooks/{HOOKS['app-1']}"
    return {
        ("POST", "/v1/webhooks"): [("/v1/webhooks", {"endpoint": "https://a.example.org/", "events": ["email.sent"]})],
        ("GET", "/v1/webhooks/<uuid:webhook_id>"): [(f"/v1/webhooks/{ids['webhook']}", None)],
        ("PATCH", "/v1/webhooks/<uuid:webhook_id>"): [(f"/v1/webhooks/{ids['webhook']}", {"status": "enabled"})],
        ("POST", "/v1/webhooks/<uuid:webhook_id>/rotate-secret"): [
            (f"/v1/webhooks/{ids['webhook']}/rotate-secret", None)
        ],
        ("POST", "/v1/webhooks/<uuid:webhook_id>/test"): [(f"/v1/webhooks/{ids['webhook']}/test", None)],
        ("DELETE", "/v1/webhooks/<uuid:webhook_id>"): [(f"/v1/webhooks/{ids['webhook']}", None)],
        ("GET", "/v1/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>"): [
            (f"{hook}/deliveries/{ids['delivery']}", None)
        ],
        ("POST", "/v1/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay"): [
            (f"{hook}/deliveries/{ids['delivery']}/replay", None)
        ],
        ("POST", "/v1/webhooks/<uuid:webhook_id>/replay"): [
            (f"{hook}/replay", {"since": "2019-01-01", "until": "2019-02-01"}),
            (f"{hook}/replay", {"since": RECENT, "until": f"{datetime.now(UTC) - timedelta(days=2, hours=23):%FT%TZ}"}),
        ],
    }


def calls_of_apps() -> Calls:
    """Those of applications and their keys."""
    return {
        ("POST", "/v1/apps"): [("/v1/apps", {"name": "new-one"})],
        ("GET", "/v1/apps/<app>"): [("/v1/apps/app-1", None), (f"/v1/apps/{NO_ID}", None)],
        ("PATCH", "/v1/apps/<app>"): [("/v1/apps/ops", {"emails_per_day": 1_000})],
        ("GET", "/v1/apps/<app>/budget"): [("/v1/apps/app-1/budget", None)],
        ("PATCH", "/v1/apps/<app>/budget"): [("/v1/apps/app-2/budget", {"minimum": 200})],
        ("POST", "/v1/apps/<app>/resume"): [("/v1/apps/app-1/resume", {"reason": "A test."})],
        ("POST", "/v1/apps/<app>/archive"): [("/v1/apps/app-3/archive", None)],
        ("POST", "/v1/apps/<app>/unarchive"): [("/v1/apps/app-3/unarchive", None)],
        ("GET", "/v1/apps/<app>/keys"): [("/v1/apps/app-1/keys", None)],
        ("POST", "/v1/apps/<app>/keys"): [("/v1/apps/app-1/keys", {})],
        ("POST", "/v1/apps/<app>/keys/<key>/rotate"): [("/v1/apps/app-1/keys/aaaaaaaaaaaa/rotate", {})],
        ("DELETE", "/v1/apps/<app>/keys/<key>"): [("/v1/apps/app-1/keys/aaaaaaaaaaaa", None)],
    }


def calls_of_emails(ids: dict[str, str]) -> Calls:
    """Those of emails."""
    one, reason = f"/v1/emails/{ids['delivered']}", {"reason": "A test."}
    return {
        ("POST", "/v1/emails"): [
            ("/v1/emails", {**MAIL, "to": [PERSON, ROLE_ADDRESS]}),
            ("/v1/emails", {**MAIL, "supersedes": "daily"}),
        ],
        ("POST", "/v1/emails/batch"): [("/v1/emails/batch", [{**MAIL, "to": [PERSON]}, MAIL])],
        ("POST", "/v1/emails/check"): [("/v1/emails/check", {"emails": [PERSON, ROLE_ADDRESS]})],
        ("GET", "/v1/emails/<uuid:email_id>"): [(one, None)],
        ("GET", "/v1/emails/<uuid:email_id>/events"): [(f"{one}/events", None)],
        ("PATCH", "/v1/emails/<uuid:email_id>"): [(f"/v1/emails/{ids['scheduled']}", {"scheduled_at": "in 1 hour"})],
        ("POST", "/v1/emails/<uuid:email_id>/cancel"): [(f"/v1/emails/{ids['queued']}/cancel", {})],
        ("POST", "/v1/emails/<uuid:email_id>/discard"): [(f"/v1/emails/{ids['held']}/discard", reason)],
        ("POST", "/v1/emails/<uuid:email_id>/resend"): [(f"/v1/emails/{ids['also_held']}/resend", reason)],
    }


def calls_of_suppressions(ids: dict[str, str]) -> Calls:
    """Those of the suppression list."""
    entry, reason = "/v1/suppressions/" + LISTED.format(77, 77), {"reason": "A test."}
    return {
        ("POST", "/v1/suppressions"): [
            ("/v1/suppressions", {"email": address}) for address in (PERSON, ROLE_ADDRESS, LISTED.format(78, 78))
        ],
        ("GET", "/v1/suppressions/<path:id_or_email>"): [(entry, None), (f"/v1/suppressions/{ids['entry']}", None)],
        ("DELETE", "/v1/suppressions/<path:id_or_email>"): [(entry, reason)],
        ("POST", "/v1/suppressions/<path:id_or_email>/undo"): [(f"{entry}/undo", reason)],
        ("POST", "/v1/suppressions/batch/add"): [("/v1/suppressions/batch/add", {"emails": [PERSON, "@example.org"]})],
        ("POST", "/v1/suppressions/batch/remove"): [
            ("/v1/suppressions/batch/remove", {"emails": [PERSON, LISTED.format(79, 79)], **reason})
        ],
        ("POST", "/v1/suppressions/import"): [
            ("/v1/suppressions/import", "".join(f"{line}\n" for line in ("email", PERSON, LISTED.format(81, 81))))
        ],
        ("POST", "/v1/suppressions/reviews/<domain>"): [
            ("/v1/suppressions/reviews/mail7.example.net", {"decision": "confirm", **reason})
        ],
    }
