"""A client of the public HTTP API for commands: a refused request becomes an error of one line."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from app.cli.shell.command import CommandFailed

PAGE = 100
PATIENCE_S = 40.0

Json = dict[str, Any]


class Api:
    """One gateway, used with one API key. Every failure is a `CommandFailed`; no request is retried."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._pool = urllib3.PoolManager(retries=False, timeout=PATIENCE_S)

    def send(self, email: Json, *, idempotency_key: str) -> Json:
        """Submit an email. Returns its id and the recipients that are suppressed already."""
        return self.call("POST", "/v1/emails", body=email, headers={"Idempotency-Key": idempotency_key})

    def email(self, email_id: str) -> Json:
        """One email, with the state of each recipient."""
        return self.call("GET", f"/v1/emails/{email_id}")

    def timeline(self, email_id: str) -> list[Json]:
        """The timeline of an email, oldest first."""
        events: list[Json] = self.call("GET", f"/v1/emails/{email_id}/events")["data"]
        return events

    def emails(self, **wanted: str) -> Iterator[Json]:
        """All emails that match the query parameters, newest first."""
        yield from self._pages("/v1/emails", wanted)

    def suppressions(self) -> Iterator[Json]:
        """All suppressed addresses, newest first."""
        yield from self._pages("/v1/suppressions", {})

    def unsuppress(self, address: str, *, reason: str) -> Json:
        """Unsuppress an address."""
        return self.call("DELETE", f"/v1/suppressions/{quote(address)}", body={"reason": reason})

    def call(self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None) -> Json:
        """Send one request and return the JSON of its response. Raises `CommandFailed` for any status but 2xx."""
        sent = {"Authorization": f"Bearer {self._key}", **(headers or {})}
        content = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        try:
            answer = self._pool.request(method, self._url + path, body=content, headers=sent)
        except HTTPError as error:
            raise CommandFailed(
                f"the gateway at {self._url} does not answer: start it with `./postern up`, or pass --url"
            ) from error
        answered = _json_of(answer.data)
        if answer.status >= 300:
            raise CommandFailed(_why(answer.status, answered))
        return answered

    def _pages(self, path: str, wanted: dict[str, str]) -> Iterator[Json]:
        after: dict[str, str] = {}
        while True:
            page = self.call("GET", f"{path}?{urlencode({'limit': str(PAGE), **wanted, **after})}")
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"after": page["data"][-1]["id"]}


def _json_of(data: bytes) -> Json:
    try:
        content = json.loads(data)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _why(status: int, problem: Json) -> str:
    """The error line for a refused request: the status, the name, and each fault with its field."""
    faults = [f"{fault['pointer']}: {fault['detail']}" for fault in problem.get("errors", ())]
    content = (
        " ".join(faults) or problem.get("message") or "this is not the response of a Postern gateway; check the URL"
    )
    return f"refused with {status} {problem.get('name', '')}: {content}"
