"""The Celery app of the tutorial, with a task per email. `celery -A bench.tutorial.worker worker`."""

import os
import threading
from email.message import EmailMessage
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from celery import Celery
from celery.signals import worker_process_init
from redis import Redis

from bench.tutorial.models import Email, engine, make_session, now

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

app = Celery("tutorial", broker=os.environ["TUTORIAL_BROKER_URL"])
app.conf.update(
    task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=4, worker_send_task_events=False
)
SUPPRESSED = "tutorial:suppressed"


class _Clients:
    """The clients of a process, one of each."""

    def __init__(self) -> None:
        config = Config(max_pool_connections=100)
        self.ses: SESV2Client = boto3.client("sesv2", region_name="us-east-1", config=config)
        self.redis: Any = Redis.from_url(os.environ["TUTORIAL_REDIS_URL"])


@worker_process_init.connect  # type: ignore[untyped-decorator]
def begin(**_: Any) -> None:
    """Drop inherited clients after a fork, so that the process makes its own."""
    engine.dispose(close=False)
    clients()


_making = threading.Lock()


@cache
def _made() -> _Clients:
    return _Clients()


def clients() -> _Clients:
    """Return the clients of this process, made once by the first thread that needs them."""
    with _making:
        return _made()


@app.task  # type: ignore[untyped-decorator]
def send(mail_id: int) -> None:
    """Send one email, unless its address is suppressed."""
    with make_session() as session:
        email = session.get(Email, mail_id)
        if email is None or email.state != "queued":
            return
        if clients().redis.sismember(SUPPRESSED, email.recipient.lower()):
            email.state = "suppressed"
            session.commit()
            return
        answer = clients().ses.send_email(
            FromEmailAddress=email.sender,
            Destination={"ToAddresses": [email.recipient]},
            Content={"Raw": {"Data": message_of(email)}},
            ConfigurationSetName="postern",
        )
        email.state = "sent"
        email.ses_message_id = answer["MessageId"]
        email.sent_at = now()
        session.commit()


def message_of(email: Email) -> bytes:
    """Return the email as MIME."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = email.sender, email.recipient, email.subject
    message.set_content(email.text)
    return message.as_bytes()
