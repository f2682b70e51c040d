"""The entry point: routes each request to a service or to the control surface.

It also requires a signature whose time is current, keeps the API rate, and applies faults.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import uuid4

from simulator.http.calls import Call, Route
from simulator.http.faults import Damage, Fault, Faults, Moment
from simulator.http.server import Request, Response, json_response, same_origin
from simulator.http.services import Service
from simulator.http.signature_shape import is_signed, out_of_time
from simulator.iam.denials import Denials
from simulator.iam.sts import VERSION as STS
from simulator.ses.errors import SesError, invalid_signature, missing_authentication, refused, too_many_requests
from simulator.ses.quota import SendRate
from simulator.ses.send_requests import destination_addresses
from simulator.sns.errors import SnsError

SENDS = frozenset({"SendEmail", "SendBulkEmail"})

Monotonic = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the parameters from its path."""

    route: Route
    parameters: dict[str, str]


class Table:
    """Routes by method and path; paths without parameters are looked up, the others tried in turn."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._plain: dict[tuple[str, str], Match] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Route]] = []
        for route in routes:
            if "{" in route.path:
                self._patterns.append((route.method, route.pattern(), route))
            else:
                self._plain[route.method, route.path] = Match(route, {})

    def find(self, method: str, path: str) -> Match | None:
        """Return the route of a request, None when there is none."""
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain
        for its_method, pattern, route in self._patterns:
            found = pattern.fullmatch(path) if its_method == method else None
            if found is not None:
                return Match(route, {name: unquote(value) for name, value in found.groupdict().items()})
        return None

    def get(self, method: str, path: str) -> Match:
        """Return the route of a request. Raises SesError when there is none."""
        found = self.find(method, path)
        if found is None:
            raise SesError(404, "UnknownOperationException", "No such operation.")
        return found


class Front:
    """Answers every request of one simulator. `services` are those other than SES, by their prefix in IAM's actions."""

    def __init__(
        self,
        *,
        ses: Iterable[Route],
        control: Iterable[Route],
        services: Mapping[str, Service],
        denials: Denials,
        faults: Faults,
        api_rate: SendRate | None,
        monotonic: Monotonic,
        clock: Callable[[], datetime],
    ) -> None:
        self._ses = Table(ses)
        self._control = Table(control)
        self._services = services
        self._denials = denials
        self._faults = faults
        self._api_rate = api_rate
        self._monotonic = monotonic
        self._clock = clock

    async def answer(self, request: Request) -> Response | None:
        """Return the answer to a request; None closes the connection without one."""
        if request.path.startswith("/v2/"):
            return await self._answer_ses(request)
        if "x-amz-target" in request.headers:
            return await self._answer_service("sqs", request)
        if request.path == "/" and (request.method == "POST" or "Action=" in request.query):
            return await self._answer_service("sts" if request.form().get("Version") == STS else "sns", request)
        return await self._answer_control(request)

    async def _answer_control(self, request: Request) -> Response | None:
        match = self._control.find(request.method, request.path)
        if match is None:
            return json_response({"error": "not found"}, status=404)
        if not same_origin(request):
            return json_response({"error": "pages of other sites may not call this"}, status=403)
        try:
            return await match.route.answer(Call(request=request, parameters=match.parameters))
        except (SesError, SnsError, ValueError, KeyError, TypeError) as mistake:
            return json_response({"error": f"{type(mistake).__name__}: {mistake}"}, status=400)

    async def _answer_service(self, name: str, request: Request) -> Response | None:
        service = self._services[name]
        fault = self._faults.draw(name, service.operation(request), []) if self._faults.rules else None
        if fault is None or fault.damage is Damage.NO_MESSAGE_ID:
            return await service.answer(request)
        if fault.damage is Damage.LATENCY:
            await asyncio.sleep(fault.seconds)
            return await service.answer(request)
        if fault.moment is Moment.AFTER:
            await service.answer(request)
        if fault.refusal is not None:
            return service.refused(request, fault.refusal)
        await _hang(fault)
        return None

    async def _answer_ses(self, request: Request) -> Response | None:
        try:
            self._require_signature(request)
            match = self._ses.get(request.method, request.path)
            call = Call(request=request, parameters=match.parameters)
            operation = match.route.operation
            self._admit(operation)
            fault = self._draw(operation, call)
            if fault is None:
                return await match.route.answer(call)
            return await self._answer_with(fault, match.route, call)
        except SesError as refusal:
            return refusal.response(str(uuid4()))

    def _require_signature(self, request: Request) -> None:
        if not is_signed(request):
            raise missing_authentication()
        late = out_of_time(request, now=self._clock())
        if late is not None:
            raise invalid_signature(late)

    def _admit(self, operation: str) -> None:
        limited = self._api_rate is not None and operation not in SENDS
        if limited and self._api_rate is not None and not self._api_rate.take(1, self._monotonic()):
            raise too_many_requests("Rate exceeded")

    def _draw(self, operation: str, call: Call) -> Fault | None:
        # Reading the recipients parses the body a second time, so do it only while there are rules.
        return self._faults.draw("ses", operation, _recipients(call)) if self._faults.rules else None

    async def _answer_with(self, fault: Fault, route: Route, call: Call) -> Response | None:
        if fault.damage is Damage.LATENCY:
            await asyncio.sleep(fault.seconds)
            return await route.answer(call)
        if fault.moment is Moment.AFTER:
            call.mode = fault.name
            await route.answer(call)
        if fault.refusal is not None:
            raise refused(fault.refusal, self._denials.of_ses(route.operation, _named(call)))
        if fault.damage is Damage.NO_MESSAGE_ID:
            return json_response({})
        await _hang(fault)
        return None


async def _hang(fault: Fault) -> None:
    if fault.damage is Damage.HANG:
        await asyncio.sleep(fault.seconds)


def _named(call: Call) -> dict[str, Any]:
    """Return what the path, the query and the body of a call name."""
    try:
        content = json.loads(call.request.body or b"{}")
    except ValueError:
        content = {}
    query = {name: values[0] for name, values in parse_qs(call.request.query).items()}
    return query | (content if isinstance(content, dict) else {}) | dict(call.parameters)


def _recipients(call: Call) -> list[str]:
    content = _named(call)
    if "EmailAddress" in call.parameters:
        return [call.parameters["EmailAddress"]]
    entries = [content, *content.get("BulkEmailEntries", [])]
    addresses = [address for entry in entries for address in destination_addresses(entry.get("Destination") or {})]
    return addresses + ([content["EmailAddress"]] if "EmailAddress" in content else [])
