"""The web application: Flask with all that serves requests, over one gateway."""

import atexit

from flask import Flask

from app.startup_checks import refuse_clusters, require_topics
from app.web.apps.apps import apps
from app.web.apps.budgets import budgets
from app.web.apps.keys import api_keys
from app.web.console.pages import CONSOLE
from app.web.feedback.sns import feedback
from app.web.http import context, middleware, problem_details
from app.web.http.requests import InMemory
from app.web.openapi.routes import docs
from app.web.operating.health import health
from app.web.operating.metrics import metrics
from app.web.reporting.outcome_links import outcome_links
from app.web.reporting.outcome_page import outcome_page
from app.web.reporting.outcomes import outcomes
from app.web.reporting.stats import stats
from app.web.ses.v1.actions import ses_v1
from app.web.ses.v2.account import ses_account
from app.web.ses.v2.bulk import ses_bulk_emails
from app.web.ses.v2.emails import ses_emails
from app.web.ses.v2.suppressions import ses_suppressions
from app.web.ses.v2.unsupported import ses_unsupported
from app.web.submission.batches import batches
from app.web.submission.check import check
from app.web.submission.emails import emails
from app.web.suppression.explain import explain
from app.web.suppression.files import list_files
from app.web.suppression.reviews import suppression_reviews
from app.web.suppression.suppressions import suppressions
from app.web.suppression.unsubscribe import unsubscribe
from app.web.webhooks.deliveries import webhook_deliveries
from app.web.webhooks.endpoints import webhooks
from app.wiring.foundation import REQUESTS
from app.wiring.gateway import Gateway, build
from app.wiring.key_check import require_keys
from config import Settings, load


def create_app(settings: Settings | None = None, gateway: Gateway | None = None) -> Flask:
    """The web application of one process, over `gateway` or one that is built of `settings` (default: the environment).

    Raises `SettingsError` when they cannot serve: without any way in for notifications, on a Redis Cluster, or
    without a key that the database needs.
    """
    settings = gateway.settings if gateway is not None else settings or load()
    if not settings.sqs_queue_urls:
        require_topics(settings)
    if gateway is None:
        refuse_clusters(settings)
        require_keys(settings)
    app = Flask(__name__, static_folder=None)
    app.request_class = InMemory
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False  # SNS takes a redirect for a failure
    app.url_map.merge_slashes = False
    if gateway is None:
        gateway = build(settings, bounds=REQUESTS)
        gateway.write_timings.start()
        atexit.register(gateway.write_timings.close)
    gateway.health.look_at_start()
    context.install(app, gateway)
    middleware.register(app, secure=settings.public_url.startswith("https:"))
    problem_details.register(app)
    for blueprint in (
        emails,
        batches,
        check,
        apps,
        budgets,
        api_keys,
        stats,
        explain,
        suppressions,
        suppression_reviews,
        list_files,
        outcomes,
        outcome_links,
        outcome_page,
        unsubscribe,
        webhooks,
        webhook_deliveries,
        feedback,
        health,
        metrics,
        docs,
        ses_emails,
        ses_bulk_emails,
        ses_account,
        ses_suppressions,
        ses_unsupported,
        ses_v1,
        *CONSOLE,
    ):
        app.register_blueprint(blueprint)
    return app
