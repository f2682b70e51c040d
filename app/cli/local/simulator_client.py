"""The simulator's control surface as the demo uses it: how mailboxes act, and the ledger of all that SES took."""

import json
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from app.cli.command import CommandFailed

PATIENCE_S = 10.0
PAGE = 1000

Json = dict[str, Any]


class Simulated:
    """One running simulator."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(retries=False, timeout=PATIENCE_S)

    def tell(self, behaviours: Mapping[str, str]) -> None:
        """Let mailboxes act so from now on, by address: `bounce`, `complaint`, `success`."""
        self._call("POST", "behaviours", dict(behaviours))

    def ledger_end(self) -> int:
        """How many entries the ledger has."""
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

    def _call(self, method: str, path: str, content: Json | None = None) -> Json:
        body = json.dumps(content).encode() if content is not None else None
        try:
            answer = self._pool.request(method, f"{self._url}/_simulator/{path}", body=body)
        except HTTPError as error:
            raise CommandFailed(f"the simulator at {self._url} does not answer") from error
        if answer.status >= 300:
            raise CommandFailed(f"the simulator refused {path.partition('?')[0]} with {answer.status}")
        told: Json = json.loads(answer.data)
        return told
