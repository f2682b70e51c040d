"""A further baseline: Django, django-ses and django-celery-email, combined as their documentation says.

It uses the v2 API of SES, the blacklist of django-ses, a Celery task for each email and prefork workers. It is slow
for one reason, which is neither Django nor Celery: django-ses 4.8 makes a new boto3 session and client in each task.
An email takes a tenth of a second of CPU, and nine tenths of that follow from the new session and client (a backend
that keeps its client has been tried). Emails that are passed together, as by `send_mass_mail`, share a client, ten at a
time; that does not help an application that sends one email at a time. Therefore it is measured with few emails.

Everything but `contestant` and `environment` runs in the environment of `requirements.txt` beside this file, without
Postern.
"""
