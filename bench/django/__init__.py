"""A further baseline: Django, django-ses and django-celery-email, put together as their documents say.

SES by its v2 API, the blacklist of django-ses on, a Celery task for each mail, prefork workers. It is slow for one
reason, and not for Django's or Celery's: django-ses 4.8 makes a new boto3 session and client in each task, and with all
that follows this is nine tenths of its tenth of a second of CPU (a backend that keeps its client has been tried). Mails
handed over together, as by `send_mass_mail`, share one, ten at a time: no help to whoever has one mail to send.
Therefore it is measured with few mails.

All but `contestant` and `environment` runs in the environment of `requirements.txt` beside this file, without Postern.
"""
