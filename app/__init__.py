"""Postern: an outbound mail gateway with suppression built in."""

from flask import Flask

from app import wiring
from app.web import context, edge, errors
from app.web.batches import batches
from app.web.check import check
from app.web.docs import docs
from app.web.emails import emails
from app.web.explain import explain
from app.web.feedback import feedback
from app.web.health import health
from app.web.list_files import list_files
from app.web.metrics import metrics
from app.web.suppression_reviews import suppression_reviews
from app.web.suppressions import suppressions
from app.web.unsubscribe import unsubscribe
from app.wiring import Gateway
from config import Settings, SettingsError, load


def create_app(settings: Settings | None = None, gateway: Gateway | None = None) -> Flask:
    """The web application of one process, over `gateway` or one that is built of `settings` (default: the environment).

    Raises `SettingsError` when they cannot serve: above all without a topic whose notifications count.
    """
    settings = gateway.settings if gateway is not None else settings or load()
    if not settings.sns_topic_arns:
        raise SettingsError("Postern cannot start: SNS_TOPIC_ARNS: is not set; name the topics whose bounces count.")
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False  # SNS takes a redirect for a failure
    app.url_map.merge_slashes = False
    context.install(app, gateway or wiring.build(settings))
    edge.register(app, secure=settings.public_url.startswith("https:"))
    errors.register(app)
    for blueprint in (
        emails,
        batches,
        check,
        explain,
        suppressions,
        suppression_reviews,
        list_files,
        unsubscribe,
        feedback,
        health,
        metrics,
        docs,
    ):
        app.register_blueprint(blueprint)
    return app
