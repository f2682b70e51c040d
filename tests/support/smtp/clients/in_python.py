"""Applications in Python as they are: smtplib, and Django with its SMTP backend."""

import os
import smtplib
import ssl
from unittest import mock

from django.conf import settings as django_settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.test import override_settings

from tests.support.gateway.client_email import Email
from tests.support.smtp.clients.stage import HOST, Account, Refused


def by_smtplib(account: Account, email: Email) -> str:
    """Changed: host, port, user and password."""
    context = ssl.create_default_context(cafile=str(account.trusted))
    try:
        with smtplib.SMTP(HOST, account.port, timeout=30) as client:
            client.starttls(context=context)
            client.login(account.user, account.password)
            client.sendmail(email.sender, [email.to], email.as_message)
    except smtplib.SMTPException as error:
        raise Refused(repr(error)) from error
    return "sent"


def by_django(account: Account, email: Email) -> str:
    """Changed: `EMAIL_HOST`, `EMAIL_PORT`, `EMAIL_HOST_USER` and `EMAIL_HOST_PASSWORD`."""
    if not django_settings.configured:
        django_settings.configure(USE_TZ=True)
    changed = {
        "EMAIL_HOST": HOST,
        "EMAIL_PORT": account.port,
        "EMAIL_HOST_USER": account.user,
        "EMAIL_HOST_PASSWORD": account.password,
        "EMAIL_USE_TLS": True,
    }
    trusted = {"SSL_CERT_FILE": str(account.trusted)}
    with mock.patch.dict(os.environ, trusted), override_settings(**changed):
        backend = EmailBackend()
        message = EmailMessage(email.subject, email.text, email.sender, [email.to], connection=backend)
        try:
            assert message.send() == 1
        except smtplib.SMTPException as error:
            raise Refused(repr(error)) from error
        finally:
            backend.close()  # Django leaves it open where the key is refused
    return "sent"
