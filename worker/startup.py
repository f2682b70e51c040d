"""What workers and beat begin with: their settings, and the format of Celery's own log lines."""

import sys
from typing import Any

from celery.signals import setup_logging

from app import telemetry
from app.startup_checks import refuse_clusters, require_topics, warn_of_misspelt_names
from config import Settings, SettingsError, load


def usable_settings() -> Settings:
    """The settings of the environment. If they are unusable, one line says why and the process ends."""
    try:
        settings = load()
        refuse_clusters(settings)
        if settings.sqs_queue_urls:
            require_topics(settings)
    except SettingsError as error:
        sys.exit(str(error))
    return settings


def log_as_postern(settings: Settings) -> None:
    """Have Celery send its log lines the same way as all others, and warn of misspelt names once it does."""

    def configure(**_: Any) -> None:
        telemetry.configure(settings.log_level)
        warn_of_misspelt_names()

    setup_logging.connect(configure, weak=False)
