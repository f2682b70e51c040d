"""A client of the simulator's control API for the demo: the behaviour of mailboxes, and the ledger of SES calls."""

import json
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from app.cli.shell.command import CommandFailed

PATIENCE_S = 10.0
PAGE = 1000

Json = dict[str, Any]


class Simulated:
    """One running simulator."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(retries=False, timeout=PATIENCE_S)

    def show(self, behaviours: Mapping[str, str]) -> None:
        """Set how mailboxes behave from now on, by address: `bounce`, `complaint`, `success`."""
        self._call("POST", "behaviours", dict(behaviours))

    def ledger_end(self) -> int:
        """The number of entries in the ledger."""
        end: int = self._call("GET", "ledger?limit=0")["counts"]["recipients"]
        return end

    def ledger(self, *, since: int) -> list[Json]:
        """The entries from this number on."""
        entries: list[Json] = []
        while True:
            page = self._call("GET", f"ledger?since={since + len(entries)}&limit={PAGE}")["entries"]
            entries += page
            if len(page) < PAGE:
                return entries

    def suppressed(self) -> list[str]:
        """The addresses on the suppression list of the SES account."""
        addresses: list[str] = self._call("GET", "suppressions")["addresses"]
        return addresses

    def _call(self, method: str, path: str, content: Json | None = None) -> Json:
        body = json.dumps(content).encode() if content is not None else None
        try:
            answer = self._pool.request(method, f"{self._url}/_simulator/{path}", body=body)
        except HTTPError as error:
            raise CommandFailed(f"the simulator at {self._url} does not answer") from error
        if answer.status >= 300:
            raise CommandFailed(f"the simulator refused {path.partition('?')[0]} with {answer.status}")
        answered: Json = json.loads(answer.data)
        return answered
