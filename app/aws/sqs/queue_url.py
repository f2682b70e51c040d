"""What the URL of a queue says: its region and its name. It does no I/O.

The URL itself is only a name in each call; boto3 decides where the call goes (`AWS_ENDPOINT_URL_SQS`, FIPS and
dual-stack by its own settings). https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
"""

import re
from dataclasses import dataclass
from typing import Final

_REGION: Final = r"(?P<{}>[a-z]{{2,4}}(?:-[a-z]{{2,12}}){{1,2}}-[0-9]{{1,2}})"
_SUFFIX: Final = (
    r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws|api\.amazonwebservices\.com\.cn|api\.amazonwebservices\.eu)"
)
_HOST: Final = re.compile(
    rf"(?:vpce-[a-z0-9-]{{1,80}}\.)?sqs(?:-fips)?\.{_REGION.format('region')}\.(?:vpce\.)?{_SUFFIX}"
    rf"|(?:{_REGION.format('legacy')}\.)?queue\.amazonaws\.com(?:\.cn)?"
)
_LOOPBACK: Final = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")
_URL: Final = re.compile(r"(?P<scheme>https?)://(?P<host>[^/\s]{1,255})/(?P<account>[0-9]{12})/(?P<name>\S{1,85})")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIRST_REGION: Final = "us-east-1"
"""The region of the oldest host, `queue.amazonaws.com`, which names none."""


@dataclass(frozen=True, slots=True)
class QueueUrl:
    """A queue: its URL, its name, and its region where the URL names one."""

    url: str
    name: str
    region: str | None


def parse_queue_url(text: str) -> QueueUrl:
    """Return what the URL says, or raise ValueError.

    A FIFO queue is refused: only a FIFO topic can deliver to one, and SES publishes to none. Plain http is only for
    a simulator on this machine.
    """
    found = _URL.fullmatch(text)
    if found is None:
        raise ValueError("not the URL of a queue (https://sqs.REGION.amazonaws.com/ACCOUNT/NAME)")
    if found["name"].endswith(".fifo"):
        raise ValueError("a FIFO queue cannot be subscribed to a topic of SES")
    if _NAME.fullmatch(found["name"]) is None:
        raise ValueError("the name of a queue has 1 to 80 letters, digits, - and _")
    host = _HOST.fullmatch(found["host"])
    if host is not None and found["scheme"] == "https":
        return QueueUrl(text, found["name"], host["region"] or host["legacy"] or _FIRST_REGION)
    if host is None and found["scheme"] == "http" and _LOOPBACK.fullmatch(found["host"]):
        return QueueUrl(text, found["name"], None)
    raise ValueError("the URL of a queue begins with https:// and a host of SQS, or with http:// and this machine")
