"""Access to routes: every route names its guard, and every scope opens its own routes and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.routing import Rule

from app.domain.apps.callers import Scope
from app.web.application import create_app
from app.web.console.frame.operations import page_operation_of
from app.web.http.auth import PUBLIC
from app.web.http.routing import operation_of
from app.web.openapi.document import declared, document, path_of
from tests.support.gateway.emails import ROOT
from tests.support.gateway.web import MAIL, NO_ID, Web, body_of, problem_of, soon, web_on

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

PUBLIC_ENDPOINTS = {
    "docs.get_docs",
    "docs.get_docs_file",
    "docs.get_openapi",
    "feedback.receive_sns",
    "outcome_page.get_outcome_style",
    "outcome_page.show_outcomes",
    "health.get_health",
    "health.get_readiness",
    "unsubscribe.post_unsubscribe",
    "unsubscribe.show_unsubscribe",
}
GUARDED: dict[str, tuple[Scope, str, str, Any]] = {
    "apps.create_app": (Scope.ADMIN, "POST", "/v1/apps", {"name": "events"}),
    "apps.list_apps": (Scope.ADMIN, "GET", "/v1/apps", None),
    "apps.get_app": (Scope.ADMIN, "GET", "/v1/apps/nobody", None),
    "apps.change_app": (Scope.ADMIN, "PATCH", "/v1/apps/nobody", {"default_lane": "bulk"}),
    "budgets.get_budget": (Scope.ADMIN, "GET", "/v1/apps/nobody/budget", None),
    "budgets.change_budget": (Scope.ADMIN, "PATCH", "/v1/apps/nobody/budget", {"minimum": 200}),
    "budgets.resume_app": (Scope.ADMIN, "POST", "/v1/apps/nobody/resume", {"reason": "Mended."}),
    "apps.archive_app": (Scope.ADMIN, "POST", "/v1/apps/nobody/archive", {}),
    "apps.unarchive_app": (Scope.ADMIN, "POST", "/v1/apps/nobody/unarchive", {}),
    "api_keys.list_keys": (Scope.ADMIN, "GET", "/v1/apps/nobody/keys", None),
    "api_keys.issue_key": (Scope.ADMIN, "POST", "/v1/apps/nobody/keys", {"name": "new"}),
    "api_keys.rotate_key": (Scope.ADMIN, "POST", "/v1/apps/nobody/keys/aaaaaaaaaaaa/rotate", {}),
    "api_keys.revoke_key": (Scope.ADMIN, "DELETE", "/v1/apps/nobody/keys/aaaaaaaaaaaa", None),
    "emails.send_email": (Scope.EMAILS_SEND, "POST", "/v1/emails", MAIL),
    "batches.send_batch": (Scope.EMAILS_SEND, "POST", "/v1/emails/batch", [MAIL]),
    "check.check_addresses": (Scope.SUPPRESSIONS_READ, "POST", "/v1/emails/check", {"to": ["ann@example.com"]}),
    "emails.list_emails": (Scope.EMAILS_READ, "GET", "/v1/emails", None),
    "emails.get_email": (Scope.EMAILS_READ, "GET", f"/v1/emails/{NO_ID}", None),
    "emails.list_email_events": (Scope.EMAILS_READ, "GET", f"/v1/emails/{NO_ID}/events", None),
    "outcomes.list_outcomes": (Scope.EMAILS_READ, "GET", "/v1/outcomes", None),
    "outcome_links.create_outcome_link": (Scope.EMAILS_READ, "POST", "/v1/outcome-links", {"actor": "user-7"}),
    "outcome_links.list_outcome_links": (Scope.EMAILS_READ, "GET", "/v1/outcome-links", None),
    "outcome_links.get_outcome_link": (Scope.EMAILS_READ, "GET", f"/v1/outcome-links/{NO_ID}", None),
    "outcome_links.revoke_outcome_link": (Scope.EMAILS_READ, "DELETE", f"/v1/outcome-links/{NO_ID}", None),
    "outcomes.count_outcomes": (Scope.EMAILS_READ, "GET", "/v1/outcomes/counts", None),
    "emails.reschedule_email": (
        Scope.EMAILS_SEND, "PATCH", f"/v1/emails/{NO_ID}", {"scheduled_at": soon(hours=1)},
    ),
    "emails.cancel_email": (Scope.EMAILS_SEND, "POST", f"/v1/emails/{NO_ID}/cancel", {}),
    "emails.resend_email": (Scope.ADMIN, "POST", f"/v1/emails/{NO_ID}/resend", {"reason": "asked"}),
    "emails.discard_email": (Scope.ADMIN, "POST", f"/v1/emails/{NO_ID}/discard", {"reason": "asked"}),
    "metrics.get_metrics": (Scope.METRICS_READ, "GET", "/metrics", None),
    "explain.explain_address": (
        Scope.SUPPRESSIONS_READ, "GET", "/v1/suppressions/ann@example.com/explain", None,
    ),
    "suppressions.list_suppressions": (Scope.SUPPRESSIONS_READ, "GET", "/v1/suppressions", None),
    "suppressions.get_suppression": (Scope.SUPPRESSIONS_READ, "GET", "/v1/suppressions/ann@example.com", None),
    "suppressions.add_suppression": (
        Scope.SUPPRESSIONS_WRITE, "POST", "/v1/suppressions", {"email": "bob@example.com"},
    ),
    "suppressions.remove_suppression": (
        Scope.SUPPRESSIONS_WRITE, "DELETE", "/v1/suppressions/ann@example.com?reason=asked", None,
    ),
    "suppressions.add_suppressions": (
        Scope.SUPPRESSIONS_WRITE, "POST", "/v1/suppressions/batch/add", {"emails": ["bob@example.com"]},
    ),
    "suppressions.remove_suppressions": (
        Scope.SUPPRESSIONS_WRITE, "POST", "/v1/suppressions/batch/remove",
        {"emails": ["ann@example.com"], "reason": "asked"},
    ),
    "suppression_reviews.list_reviews": (Scope.ADMIN, "GET", "/v1/suppressions/reviews", None),
    "suppression_reviews.decide_review": (
        Scope.ADMIN, "POST", "/v1/suppressions/reviews/example.net", {"decision": "undo", "reason": "asked"},
    ),
    "suppressions.undo_removal": (
        Scope.SUPPRESSIONS_WRITE, "POST", "/v1/suppressions/ann@example.com/undo", {"reason": "asked"},
    ),
    "stats.read_stats": (Scope.EMAILS_READ, "GET", "/v1/stats", None),
    "list_files.export_suppressions": (Scope.SUPPRESSIONS_READ, "GET", "/v1/suppressions/export", None),
    "webhooks.add_webhook": (
        Scope.WEBHOOKS_WRITE, "POST", "/v1/webhooks",
        {"endpoint": "https://hooks.example.com/", "events": ["email.sent"]},
    ),
    "webhooks.list_webhooks": (Scope.WEBHOOKS_WRITE, "GET", "/v1/webhooks", None),
    "webhooks.get_webhook": (Scope.WEBHOOKS_WRITE, "GET", f"/v1/webhooks/{NO_ID}", None),
    "webhooks.change_webhook": (Scope.WEBHOOKS_WRITE, "PATCH", f"/v1/webhooks/{NO_ID}", {"status": "enabled"}),
    "webhooks.delete_webhook": (Scope.WEBHOOKS_WRITE, "DELETE", f"/v1/webhooks/{NO_ID}", None),
    "webhooks.rotate_webhook_secret": (Scope.WEBHOOKS_WRITE, "POST", f"/v1/webhooks/{NO_ID}/rotate-secret", None),
    "webhooks.test_webhook": (Scope.WEBHOOKS_WRITE, "POST", f"/v1/webhooks/{NO_ID}/test", None),
    "webhook_deliveries.list_deliveries": (
        Scope.WEBHOOKS_WRITE, "GET", f"/v1/webhooks/{NO_ID}/deliveries", None,
    ),
    "webhook_deliveries.get_delivery": (
        Scope.WEBHOOKS_WRITE, "GET", f"/v1/webhooks/{NO_ID}/deliveries/{NO_ID}", None,
    ),
    "webhook_deliveries.replay_delivery": (
        Scope.WEBHOOKS_WRITE, "POST", f"/v1/webhooks/{NO_ID}/deliveries/{NO_ID}/replay", None,
    ),
    "webhook_deliveries.replay_deliveries": (
        Scope.WEBHOOKS_WRITE, "POST", f"/v1/webhooks/{NO_ID}/replay", {"since": "2027-01-01", "until": "2027-01-31"},
    ),
    "list_files.import_suppressions": (
        Scope.SUPPRESSIONS_WRITE, "POST", "/v1/suppressions/import", [{"email": "bob@example.com"}],
    ),
}  # fmt: skip


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url="https://mail.example.com") as web:
        yield web


def test_every_route_names_its_guard(web: Web) -> None:
    """A route without a guard cannot be served, and the public routes are listed by name; so it is with pages.

    What each operation of the SES door needs is tested beside it.
    """
    app = web.client.application
    unguarded = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not operation_of(view := app.view_functions[rule.endpoint]) and not page_operation_of(view)
        if not is_of_ses(rule)
    ]
    assert unguarded == []
    public = {rule.endpoint for rule, operation in declared(app) if operation.guard is PUBLIC}
    assert public == PUBLIC_ENDPOINTS
    guards = {rule.endpoint: operation.guard for rule, operation in declared(app) if operation.guard is not PUBLIC}
    assert guards == {endpoint: case[0] for endpoint, case in GUARDED.items()}


@pytest.mark.parametrize("endpoint", GUARDED)
def test_a_route_opens_to_its_scope_alone(web: Web, endpoint: str) -> None:
    """Of keys with one scope each, only that scope and admin pass the guard; a request without a key does not."""
    needed, method, path, body = GUARDED[endpoint]
    problem_of(web.client.open(path, method=method, json=body), 401, "missing_api_key")
    for scope in Scope:
        answer = web.client.open(path, method=method, json=body, headers=web.key("invites", scope))
        if scope in {needed, Scope.ADMIN}:
            assert answer.status_code in {200, 404}, answer.text
        else:
            problem_of(answer, 403, "restricted_api_key")


def test_a_key_that_is_revoked_or_expired_opens_nothing(web: Web) -> None:
    """The answer is the same as for a key that never existed."""
    headers = web.key()
    token = headers["Authorization"].removeprefix("Bearer ")
    web.gateway.issue_keys.revoke(ROOT, token)
    problem_of(web.client.get("/v1/emails", headers=headers), 403, "invalid_api_key")


def test_the_document_describes_every_route(web: Web) -> None:
    """OpenAPI has each served path and method with its parameters, and every reference has a target.

    Pages of the console are for people, and the SES door has the model of AWS: neither is in it.
    """
    app = web.client.application
    served = {
        (path_of(rule), method.lower())
        for rule in app.url_map.iter_rules()
        if not page_operation_of(app.view_functions[rule.endpoint]) and not is_of_ses(rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    document = body_of(web.client.get("/openapi.json"))
    assert {(path, method) for path, item in document["paths"].items() for method in item} == served
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": web.gateway.settings.public_url}]
    references = set(all_references(document))
    assert references
    assert references <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    for path, item in document["paths"].items():
        for operation in item.values():
            named = {part["name"] for part in operation["parameters"] if part["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def is_of_ses(rule: Rule) -> bool:
    return str(rule.endpoint).startswith("ses_")


def all_references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from all_references(value)
    elif isinstance(node, list):
        for value in node:
            yield from all_references(value)


def test_the_document_describes_the_body_of_an_email(web: Web) -> None:
    """The model that checks the body of a send describes it, under the names of the wire."""
    document = body_of(web.client.get("/openapi.json"))
    operation = document["paths"]["/v1/emails"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert {"from", "to", "subject", "html", "attachments", "scheduled_at", "stream", "lane"} <= body[
        "properties"
    ].keys()
    assert set(body["required"]) == {"from", "to", "subject"}
    assert operation["security"] == [{"key": []}]
    assert "emails:send" in operation["description"]


def test_the_page_runs_on_files_of_its_own(web: Web) -> None:
    """The page and all its files come from this server, and its policy lets nothing else in."""
    page = web.client.get("/docs")
    assert page.mimetype == "text/html"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text
    for name in ("docs.js", "swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"/docs/{name}" in page.text
        served = web.client.get(f"/docs/{name}")
        assert served.status_code == 200
        assert served.data
        served.close()
    page.close()


def test_the_document_is_the_same_for_every_process(web: Web) -> None:
    """Two processes produce the same document."""
    other = create_app(gateway=web.gateway)
    assert document(other, url="x") == document(web.client.application, url="x")
