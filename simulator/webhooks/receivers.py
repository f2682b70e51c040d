"""What came to the receivers, by their names; the oldest posts are dropped when there are too many."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from simulator.webhooks.faults import Rule
from simulator.webhooks.signature import is_signed

MOST_RECEIVERS: Final = 100
MOST_POSTS: Final = 20_000
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of all posts of one receiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post as it came. `number` counts those of its receiver from 1; `answered` is a status or the fault."""

    number: int
    received_at: datetime
    headers: dict[str, str]
    body: bytes
    answered: str

    def type(self) -> str:
        """Return the type of the event inside, or nothing."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return ""
        return str(content.get("type", "")) if isinstance(content, dict) else ""

    def size(self) -> int:
        """Return roughly the bytes that it takes."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers.items())


@dataclass(slots=True)
class Receiver:
    """A receiver: its secret and its faults, which the control surface sets, and what came."""

    name: str
    key: bytes | None = None
    rules: list[Rule] = field(default_factory=list)
    posts: deque[Post] = field(default_factory=deque)
    received: int = 0
    _bytes: int = 0

    def keep(self, *, at: datetime, headers: dict[str, str], body: bytes, answered: str) -> None:
        """Keep a post."""
        self.received += 1
        post = Post(number=self.received, received_at=at, headers=headers, body=body, answered=answered)
        self.posts.append(post)
        self._bytes += post.size()
        while len(self.posts) > MOST_POSTS or (self._bytes > MOST_BYTES and len(self.posts) > 1):
            self._bytes -= self.posts.popleft().size()

    def since(self, number: int) -> Iterator[Post]:
        """Yield the posts after this number, oldest first."""
        return (post for post in self.posts if post.number > number)

    def verified(self, post: Post) -> bool | None:
        """Return whether the signature of a post verifies, None without a secret to verify it with."""
        if self.key is None:
            return None
        return is_signed(post.headers, post.body, key=self.key, received_at=post.received_at)

    def forget(self) -> None:
        """Drop what came; the numbers go on."""
        self.posts.clear()
        self._bytes = 0


class Receivers:
    """The receivers by name. One comes into being with the first post or setting."""

    def __init__(self) -> None:
        self._by_name: dict[str, Receiver] = {}

    def named(self, name: str) -> Receiver:
        """Return the receiver of this name. Raises ValueError when there would be too many."""
        if name not in self._by_name:
            if len(self._by_name) >= MOST_RECEIVERS:
                raise ValueError(f"at most {MOST_RECEIVERS} receivers")
            self._by_name[name] = Receiver(name)
        return self._by_name[name]

    def find(self, name: str) -> Receiver | None:
        """Return the receiver of this name, if there is one."""
        return self._by_name.get(name)

    def all(self) -> list[Receiver]:
        """Return all receivers."""
        return list(self._by_name.values())
