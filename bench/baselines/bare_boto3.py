"""The baseline: a bare boto3 loop that stores nothing, checks nothing and forgets everything.

`python -m bench.bare`.

One process with some threads, one client, one mail of the same size again and again: the least that sending through
boto3 costs.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from app.aws.clients import sesv2_client

RECIPIENT = "ann@example.net"


def main(mails: int, threads: int, size: int) -> None:
    """Send, and print the seconds from the first call to the last answer, and the seconds of CPU between them."""
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
        list(pool.map(send, range(mails)))
    sys.stdout.write(f"{time.monotonic() - began} {time.process_time() - spent}\n")


def message(size: int) -> bytes:
    """A MIME message of about this many bytes."""
    line = b"Come and see what we have made for you, it will not take long at all.\r\n"
    head = b"From: invites@example.com\r\nTo: ann@example.net\r\nSubject: You are invited\r\n\r\n"
    return head + line * (size // len(line))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
