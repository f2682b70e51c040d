"""Posters for tests: the DNS is a table, and loopback is allowed where a test says so."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from app.domain.account.published import DnsSilent
from app.domain.webhooks.addresses import Address, AllowedAddresses
from app.net.proxy import Proxy
from app.net.webhooks.post import WebhookPoster

HOST: Final = "hooks.example.com"
LOOPBACK: Final = ("127.0.0.0/8", "::1")


class Names:
    """A DNS that gives each question about any host the next of these answers, then the last one again.

    An answer of None is silence.
    """

    def __init__(self, *answers: Sequence[str] | None) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise DnsSilent("the test is silent")
        return [ip_address(text) for text in answer]


def poster(
    names: Names | None = None,
    *,
    allowed: Sequence[str] = LOOPBACK,
    ca_file: Path | None = None,
    patience_s: float = 5.0,
    proxy: Proxy | None = None,
) -> WebhookPoster:
    """A poster for which every name is 127.0.0.1, unless a test has other names."""
    return WebhookPoster(
        resolve=names or Names(["127.0.0.1"]),
        allowed=AllowedAddresses.of(allowed),
        proxy=proxy,
        ca_file=str(ca_file) if ca_file else None,
        patience_s=patience_s,
    )
