"""The Celery app of the Django baseline. `celery -A bench.django.worker worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.django.settings")

app = Celery("django")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
