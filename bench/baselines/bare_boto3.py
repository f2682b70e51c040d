"""The baseline: a bare boto3 loop that stores nothing and checks nothing.

`python -m bench.baselines.bare_boto3`.

One process with some threads and one client sends the same email again and again: the least that sending through
boto3 can cost.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from app.aws.clients import sesv2_client

RECIPIENT = "ann@example.net"


def main(emails: int, threads: int, size: int) -> None:
    """Send, and print the seconds and the CPU seconds from the first call to the last answer."""
    client = sesv2_client("us-east-1", pool=threads)
    raw = message(size)

    def send(_: int) -> None:
        client.send_email(
            FromEmailAddress="invites@example.com",
            Destination={"ToAddresses": [RECIPIENT]},
            Content={"Raw": {"Data": raw}},
            ConfigurationSetName="postern",
        )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(send, range(threads)))
        began, spent = time.monotonic(), time.process_time()
        list(pool.map(send, range(emails)))
    sys.stdout.write(f"{time.monotonic() - began} {time.process_time() - spent}\n")


def message(size: int) -> bytes:
    """Return a MIME message of about `size` bytes."""
    line = b"Come and see what we have made for you, it will not take long at all.\r\n"
    head = b"From: invites@example.com\r\nTo: ann@example.net\r\nSubject: You are invited\r\n\r\n"
    return head + line * (size // len(line))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
