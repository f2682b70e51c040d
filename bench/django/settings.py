"""The settings of the Django baseline: as documented by the three packages, with the tutorial's database and broker.

The automatic throttle of django-ses is off, since the account here has no limit to query.
"""

import os
from secrets import token_urlsafe
from urllib.parse import parse_qs, urlsplit

_database = urlsplit(os.environ["TUTORIAL_DATABASE_URL"])

SECRET_KEY = token_urlsafe(32)
USE_TZ = True
INSTALLED_APPS = ["django_ses", "djcelery_email"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.removeprefix("/"),
        "USER": _database.username,
        "HOST": parse_qs(_database.query)["host"][0],
        "CONN_MAX_AGE": 600,
    }
}

EMAIL_BACKEND = "djcelery_email.backends.CeleryEmailBackend"
CELERY_EMAIL_BACKEND = "django_ses.SESBackend"
CELERY_EMAIL_TASK_CONFIG = {"ignore_result": True}

USE_SES_V2 = True
AWS_SES_USE_BLACKLIST = True
AWS_SES_AUTO_THROTTLE = None
AWS_SES_CONFIGURATION_SET = "postern"
AWS_SES_REGION_NAME = "us-east-1"
AWS_SES_REGION_ENDPOINT_URL = os.environ["AWS_ENDPOINT_URL_SESV2"]

CELERY_BROKER_URL = os.environ["TUTORIAL_BROKER_URL"]
CELERY_TASK_DEFAULT_QUEUE = "django"  # the tutorial uses `celery`
CELERY_WORKER_SEND_TASK_EVENTS = False
