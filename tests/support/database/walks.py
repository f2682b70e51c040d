"""The requests to a gateway with years of history: each list by each filter, each route, each command.

The values of filters are common ones, rare ones, and ones that no row has.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from app.domain.sending.last_event import LAST_EVENTS
from app.domain.sending.state_machine import State
from tests.support.database.history import HOOKS, ROLE_ADDRESS
from tests.support.gateway.web import MAIL

LISTED: Final = "listed.{}@mail{}.example.net"
OLD, RECENT = (f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (60, 3))
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
    yield from ("stream=default&state=held", "stream=rare&state=delivered", "tag=user:77&last_event=bounced")
    yield from (
        "last_event=bounced,complained",
        "state=held,failed&tag=campaign:c3&tag=user:77",
        "last_event=sent,queued",
    )
    yield from (f"{way}={moment}" for way in ("since", "until") for moment in (OLD, RECENT, "2019-01-01T00:00:00Z"))
    yield f"since={OLD}&until={RECENT}&last_event=failed"
    yield from ("after=01a00000-0000-7000-8000-000000000000", "before=01900000-0000-7000-8000-000000000000&limit=100")


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
    ("GET", "/v1/suppressions"): list(suppression_queries()),
    ("GET", "/v1/suppressions/export"): ["", "scope=app-5", "origin=unsubscribe"],
    ("GET", "/v1/suppressions/<path:email>/explain"): ["", "app=app-1&stream=default"],
    ("GET", "/v1/suppressions/reviews"): [""],
    ("GET", "/v1/webhooks"): ["", *(f"limit=2&{way}={HOOKS['app-3']}" for way in ("after", "before"))],
    ("GET", "/v1/webhooks/<uuid:webhook_id>/deliveries"): list(delivery_queries()),
}
"""The queries of each list. Each filter of a list needs a query here, or the test of completeness fails."""


def webhook_calls(ids: dict[str, str]) -> dict[tuple[str, str], list[tuple[str, Any]]]:
    """Return the requests to each route of webhooks that is not a list."""
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


def single_calls(ids: dict[str, str]) -> dict[tuple[str, str], list[tuple[str, Any]]]:
    """Return the requests to each route that is not a list: path and body."""
    one, reason = f"/v1/emails/{ids['delivered']}", {"reason": "A test."}
    entry = "/v1/suppressions/" + LISTED.format(77, 77)
    token = "/unsubscribe/" + ids["token"]
    return {
        ("GET", "/docs"): [("/docs", None)],
        ("GET", "/docs/<name>"): [("/docs/none", None)],
        ("GET", "/"): [("/", None)],
        ("GET", "/healthz"): [("/healthz", None)],
        ("GET", "/openapi.json"): [("/openapi.json", None)],
        ("GET", "/metrics"): [("/metrics", None)],
        ("GET", "/readyz"): [("/readyz", None)],
        ("POST", "/feedback/sns"): [("/feedback/sns", {})],
        ("GET", "/unsubscribe/<path:token>"): [(token, None)],
        ("POST", "/unsubscribe/<path:token>"): [(token, "List-Unsubscribe=One-Click")],
        ("POST", "/v1/emails"): [("/v1/emails", {**MAIL, "to": [PERSON, ROLE_ADDRESS]})],
        ("POST", "/v1/emails/batch"): [("/v1/emails/batch", [{**MAIL, "to": [PERSON]}, MAIL])],
        ("POST", "/v1/emails/check"): [("/v1/emails/check", {"emails": [PERSON, ROLE_ADDRESS]})],
        ("GET", "/v1/emails/<uuid:email_id>"): [(one, None)],
        ("GET", "/v1/emails/<uuid:email_id>/events"): [(f"{one}/events", None)],
        ("PATCH", "/v1/emails/<uuid:email_id>"): [(f"/v1/emails/{ids['scheduled']}", {"scheduled_at": "in 1 hour"})],
        ("POST", "/v1/emails/<uuid:email_id>/cancel"): [(f"/v1/emails/{ids['queued']}/cancel", {})],
        ("POST", "/v1/emails/<uuid:email_id>/discard"): [(f"/v1/emails/{ids['held']}/discard", reason)],
        ("POST", "/v1/emails/<uuid:email_id>/resend"): [(f"/v1/emails/{ids['also_held']}/resend", reason)],
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
        **webhook_calls(ids),
    }


ELSEWHERE: Final = {
    ("demo",),
    ("up",),
    ("simulator",),
    ("send",),
    ("bench",),
    ("chaos",),
    ("settings",),
    ("secret", "new"),
    ("doctor",),
    ("ses", "plan"),
    ("ses", "apply"),
    ("ses", "destroy"),
    ("ses", "template"),
    ("ses", "status"),
    ("feedback", "redrive"),
    ("suppressions", "sync"),
}
"""Commands that do not query the history: they call AWS, the API or nothing, or start a gateway of their own.

`suppressions sync` runs what the sweep `ses_list` runs.
"""


def webhook_lines(ids: dict[str, str]) -> dict[tuple[str, ...], list[list[str]]]:
    """Return the arguments for each command of webhooks."""
    return {
        ("webhook", "list"): [[]],
        ("webhook", "create"): [["app-1", "https://b.example.org/", "--event", "email.sent"]],
        ("webhook", "deliveries"): [[HOOKS["app-1"]], [HOOKS["app-1"], "--state", "failed"]],
        ("webhook", "replay"): [
            [HOOKS["app-1"], "--delivery", ids["delivery"]],
            [HOOKS["app-1"], "--since", "2019-01-01", "--until", "2019-02-01"],
        ],
        ("webhook", "enable"): [[HOOKS["app-1"]]],
    }


def command_lines(ids: dict[str, str], directory: Path) -> dict[tuple[str, ...], list[list[str]]]:
    """Return the arguments for each command."""
    why = ["--reason", "A test."]
    some_entry, other_entry = LISTED.format(77, 77), LISTED.format(78, 78)
    (directory / "list.csv").write_text(f"email\n{PERSON}\n{some_entry}\n")
    (directory / "people.txt").write_text("person.301@mail301.example.net\nperson.302@mail302.example.net\n")
    return {
        ("key", "create"): [["--app", "app-1", "--sender", "@example.com"]],
        ("key", "list"): [[]],
        ("key", "revoke"): [["none"]],
        ("app", "set"): [["app-2", "--lane", "bulk"]],
        ("secret", "check"): [[]],
        ("secret", "reseal"): [[]],
        ("check",): [[PERSON, ROLE_ADDRESS, some_entry]],
        ("emails",): [
            [],
            ["--to", ROLE_ADDRESS, "--state", "held"],
            ["--app", "app-5", "--last-event", "bounced", "--last-event", "complained"],
            ["--cause", "mailbox_full"],
        ],
        ("suppress",): [[PERSON, *why]],
        ("unsuppress",): [[some_entry, *why]],
        # Without a filter it prints the whole list; a page of that is requested above.
        ("suppressions", "list"): [["--origin", "unsubscribe"], ["--prefix", "listed.77"], ["--scope", "app-5"]],
        ("suppressions", "show"): [[some_entry], [ROLE_ADDRESS]],
        ("suppressions", "undo"): [[some_entry, *why]],
        ("suppressions", "review"): [[], ["confirm", "mail7.example.net", *why]],
        ("suppressions", "explain"): [[ROLE_ADDRESS], [other_entry, "--app", "app-1"]],
        ("suppressions", "import"): [[str(directory / "list.csv")]],
        ("suppressions", "export"): [["--file", str(directory / "out.csv"), "--origin", "unsubscribe"]],
        ("events",): [[PERSON], [ROLE_ADDRESS]],
        ("bounces", "unmatched"): [["--days", "1"]],
        ("bounces", "reread"): [["--days", "1", "--dry-run"]],
        ("stream", "set"): [["app-1", "default", "--title", "News"]],
        ("stream", "list"): [[]],
        **webhook_lines(ids),
        ("pause",): [["bulk", *why]],
        ("resume",): [["bulk"]],
        ("held",): [[]],
        ("resend",): [[ids["held"], *why]],
        ("discard",): [[ids["also_held"], *why]],
        ("incidents", "list"): [[]],
        ("incidents", "close"): [[ids["held"], *why]],
        ("feedback", "refused"): [[], ["--retry"]],
        ("feedback", "list"): [
            ["--state", state, *more] for state in ("parked", "quarantined") for more in ([], ["--retry"])
        ],
        ("recovery", "begin"): [why],
        ("recovery", "status"): [[]],
        ("recovery", "end"): [[], ["--force"]],
        ("forget",): [
            [PERSON, *why, "--keep-at-ses", "--yes"],
            ["--from", str(directory / "people.txt"), *why, "--keep-at-ses", "--yes"],
        ],
    }
