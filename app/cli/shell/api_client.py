"""The public HTTP API as a command speaks it: one request, one answer, one line when it is refused."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from app.cli.command import CommandFailed

PAGE = 100
PATIENCE_S = 40.0

Json = dict[str, Any]


class Api:
    """One gateway, through one API key. Every failure is a `CommandFailed`; nothing is tried twice."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._pool = urllib3.PoolManager(retries=False, timeout=PATIENCE_S)

    def send(self, mail: Json, *, idempotency_key: str) -> Json:
        """Hand a mail in; its id, and its recipients that are suppressed already."""
        return self.call("POST", "/v1/emails", body=mail, headers={"Idempotency-Key": idempotency_key})

    def email(self, email_id: str) -> Json:
        """One mail and where it stands."""
        return self.call("GET", f"/v1/emails/{email_id}")

    def timeline(self, email_id: str) -> list[Json]:
        """What happened to a mail, oldest first."""
        events: list[Json] = self.call("GET", f"/v1/emails/{email_id}/events")["data"]
        return events

    def emails(self, **wanted: str) -> Iterator[Json]:
        """All mails that fit, newest first."""
        yield from self._pages("/v1/emails", wanted)

    def suppressions(self) -> Iterator[Json]:
        """All suppressed addresses, newest first."""
        yield from self._pages("/v1/suppressions", {})

    def unsuppress(self, address: str, *, reason: str) -> Json:
        """Take an address off the list."""
        return self.call("DELETE", f"/v1/suppressions/{quote(address)}", body={"reason": reason})

    def call(self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None) -> Json:
        """The JSON that is answered. Raises `CommandFailed` for anything but a 2xx."""
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
        told = _json_of(answer.data)
        if answer.status >= 300:
            raise CommandFailed(_why(answer.status, told))
        return told

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
        told = json.loads(data)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _why(status: int, problem: Json) -> str:
    """What a refusal says, each fault with the field it is about."""
    faults = [f"{fault['pointer']}: {fault['detail']}" for fault in problem.get("errors", ())]
    told = " ".join(faults) or problem.get("message") or "the answer is not of a Postern gateway; check the URL"
    return f"refused with {status} {problem.get('name', '')}: {told}"
