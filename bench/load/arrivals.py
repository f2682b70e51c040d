"""Clients that post one email at a time on a schedule of their own, however slow the answers are (an open loop).

`python -m bench.load.arrivals '{"url": ..., "headers": {...}, "body": "...", "name": "idle-1", "emails": 200,
"gap_ms": [100, 200]}'`: gaps are uniform between the two, or exponential with the mean `"gap_ms": 1.5`, as those of
many independent clients are. Email `n` is to `NAME-n@example.net`, which replaces `%s` in the body. It prints one JSON
object with two monotonic times in seconds for each recipient: just before its request was written, and when its answer
was read.
"""

import json
import random
import selectors
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bench.load.connection import Connection, head_of, request

_DOMAIN: Final = "@example.net"
_MOST_AT_A_TIME: Final = 500
_IDLE_AT_MOST_S: Final = 1.0
_TOO_MANY: Final = "429"


class Strangers:
    """Connections, as many as are needed at a time, and the answers on them.

    When the server closes a connection without an answer, a `patient` client posts the request again, once, as clients
    with an idempotency key do; and as often as the server answers 429, since a client that was held up itself posts all
    that it missed at once. For other clients both are errors.
    """

    def __init__(self, url: str, *, patient: bool = False) -> None:
        self._url = url
        self._patient = patient
        self._ready = selectors.DefaultSelector()
        self._free: list[Connection] = []
        self._asked: dict[Connection, tuple[str, bytes]] = {}
        self.answered: dict[str, tuple[float, float]] = {}

    def post(self, recipient: str, request: bytes) -> None:
        """Post now."""
        connection = self._free_one() or self._connect()
        self._asked[connection] = (recipient, request)
        connection.post(request)

    def listen(self, until: float) -> None:
        """Read answers until the monotonic time `until`."""
        while (left := until - time.monotonic()) > 0:
            self._read(left)

    def finish(self) -> None:
        """Read all remaining answers."""
        while self._asked:
            self._read(10.0)

    def close(self) -> None:
        """End the connections; none may wait for an answer."""
        while self._free:
            self._forget(self._free.pop())

    def _read(self, patience_s: float) -> None:
        for key, _ in self._ready.select(patience_s):
            connection: Connection = key.data
            if connection not in self._asked:
                self._let_go(connection)
                continue
            try:
                status = connection.answered()
            except ConnectionError:
                self._post_again(connection)
                continue
            if status is None:
                continue
            if status == _TOO_MANY and self._patient:
                connection.post(self._asked[connection][1])
                continue
            if status != "200":
                raise RuntimeError(f"an email was answered with {status}")
            recipient, _ = self._asked.pop(connection)
            self.answered[recipient] = (connection.began, time.monotonic())
            self._free.append(connection)

    def _free_one(self) -> Connection | None:
        """Return the connection used last, or None when it has been idle so long that the server may be closing it."""
        if self._free and time.monotonic() - self._free[-1].began < _IDLE_AT_MOST_S:
            return self._free.pop()
        return None

    def _post_again(self, connection: Connection) -> None:
        recipient, request = self._asked.pop(connection)
        self._forget(connection)
        if not self._patient or connection.posts == 1:
            raise ConnectionError("the server closed a connection in the middle of the benchmark")
        fresh = self._connect()
        self._asked[fresh] = (recipient, request)
        fresh.post(request)

    def _let_go(self, connection: Connection) -> None:
        """Drop an idle connection that the server has closed."""
        self._free.remove(connection)
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._ready.unregister(connection)
        connection.close()

    def _connect(self) -> Connection:
        if len(self._asked) >= _MOST_AT_A_TIME:
            raise RuntimeError("emails are posted faster than they are accepted")
        connection = Connection(self._url)
        self._ready.register(connection, selectors.EVENT_READ, connection)
        return connection


def main(order: str) -> None:
    """Post as `order` says, and print the result."""
    given: dict[str, Any] = json.loads(order)
    strangers = Strangers(given["url"])
    head, due = head_of(given["url"], given["headers"]), time.monotonic()
    for number, gap_s in zip(range(given["emails"]), gaps(given["gap_ms"], given["name"]), strict=False):
        recipient = f"{given['name']}-{number}{_DOMAIN}"
        whole = request(head, given["body"].replace("%s", recipient))
        due += gap_s
        strangers.listen(due)
        strangers.post(recipient, whole)
    strangers.finish()
    sys.stdout.write(json.dumps(strangers.answered) + "\n")


def gaps(gap_ms: float | Sequence[float], seed: str) -> Iterator[float]:
    """Yield the seconds between emails: uniform between two bounds, or exponential with a mean."""
    chance = random.Random(seed)
    while True:
        yield (chance.uniform(*gap_ms) if isinstance(gap_ms, Sequence) else chance.expovariate(1 / gap_ms)) / 1000


if __name__ == "__main__":
    main(sys.argv[1])
