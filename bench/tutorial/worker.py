"""Its Celery app: one task a mail. `celery -A bench.tutorial.worker worker`."""

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

from bench.tutorial.models import Mail, engine, make_session, now

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

app = Celery("tutorial", broker=os.environ["TUTORIAL_BROKER_URL"])
app.conf.update(
    task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=4, worker_send_task_events=False
)
SUPPRESSED = "tutorial:suppressed"


class _Clients:
    """One of each in a process."""

    def __init__(self) -> None:
        config = Config(max_pool_connections=100)
        self.ses: SESV2Client = boto3.client("sesv2", region_name="us-east-1", config=config)
        self.redis: Any = Redis.from_url(os.environ["TUTORIAL_REDIS_URL"])


@worker_process_init.connect  # type: ignore[untyped-decorator]
def begin(**_: Any) -> None:
    """After forking: connections of its own."""
    engine.dispose(close=False)
    clients()


_making = threading.Lock()


@cache
def _made() -> _Clients:
    return _Clients()


def clients() -> _Clients:
    """Those of this process, made once, whichever thread comes first."""
    with _making:
        return _made()


@app.task  # type: ignore[untyped-decorator]
def send(mail_id: int) -> None:
    """Send one mail, unless its address is suppressed."""
    with make_session() as session:
        mail = session.get(Mail, mail_id)
        if mail is None or mail.state != "queued":
            return
        if clients().redis.sismember(SUPPRESSED, mail.recipient.lower()):
            mail.state = "suppressed"
            session.commit()
            return
        answer = clients().ses.send_email(
            FromEmailAddress=mail.sender,
            Destination={"ToAddresses": [mail.recipient]},
            Content={"Raw": {"Data": message_of(mail)}},
            ConfigurationSetName="postern",
        )
        mail.state = "sent"
        mail.ses_message_id = answer["MessageId"]
        mail.sent_at = now()
        session.commit()


def message_of(mail: Mail) -> bytes:
    """The mail as MIME."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, mail.recipient, mail.subject
    message.set_content(mail.text)
    return message.as_bytes()
