"""Checks before a process starts: faults that the settings do not show and that waiting would not fix.

It only asks. A service that is away may be fine, and stops no process. It keeps no connection, so it may run before
forking. What the database has to say is in `app.wiring.key_check`, since beat needs no database.
"""

from typing import Final

import structlog

from app.broker_url import redis_url
from app.store.engine.redis import connect
from app.store.engine.redis_trouble import is_cluster
from config import Settings, SettingsError, misspelt_names

log = structlog.get_logger()

_START_PATIENCE_S: Final = 1.0


def refuse_clusters(settings: Settings) -> None:
    """Raise `SettingsError` if a Redis of the settings reports to be a cluster; one that is away may be fine.

    In a cluster each key is on its own node, and neither the broker nor our scripts can take that into account.
    """
    for name, url in (("REDIS_URL", settings.redis_url), ("CELERY_BROKER_URL", redis_url(settings.broker_url))):
        if url is None:
            continue
        with connect(url, patience_s=_START_PATIENCE_S) as redis:
            if is_cluster(redis):
                raise SettingsError(
                    f"Postern cannot start: {name}: is a Redis Cluster, where a command may not touch keys of several "
                    "nodes, as Celery's do; name a Redis or Valkey with one primary (cluster mode disabled)"
                )


def require_topics(settings: Settings) -> None:
    """Raise `SettingsError` without a topic: a message from a URL or a queue is believed for a listed topic only.

    The policy of a queue says who may write to it, and is no proof of who wrote a message.
    """
    if settings.sns_topic_arns:
        return
    because = "; each message of SQS_QUEUE_URLS would be refused, as of a foreign topic" * bool(settings.sqs_queue_urls)
    raise SettingsError(
        f"Postern cannot start: SNS_TOPIC_ARNS: is not set{because}; name the topics whose bounces count."
    )


def warn_of_misspelt_names() -> None:
    """Log each name of the environment or `.env` that is no setting and resembles one: what it says has no effect."""
    for name, meant in misspelt_names().items():
        log.warning("setting_not_known", name=name, meant=meant)
