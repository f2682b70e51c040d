"""The entry point: routes each request to SES, to SNS, to SQS or to the control surface.

It also requires a signature whose time is current, keeps the API rate, and applies faults.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote
from uuid import uuid4

from simulator.http.calls import Call, Route
from simulator.http.faults import Damage, Fault, Faults, Moment
from simulator.http.server import Request, Response, json_response, same_origin
from simulator.http.signature_shape import is_signed, out_of_time
from simulator.iam.sts import VERSION as STS
from simulator.ses.errors import SesError, invalid_signature, missing_authentication, too_many_requests
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
    """Answers every request of one simulator."""

    def __init__(
        self,
        *,
        ses: Iterable[Route],
        control: Iterable[Route],
        sns: Callable[[Request], Awaitable[Response]],
        sqs: Callable[[Request], Awaitable[Response]],
        sts: Callable[[Request], Awaitable[Response]],
        faults: Faults,
        api_rate: SendRate | None,
        monotonic: Monotonic,
        clock: Callable[[], datetime],
    ) -> None:
        self._ses = Table(ses)
        self._control = Table(control)
        self._sns = sns
        self._sqs = sqs
        self._sts = sts
        self._faults = faults
        self._api_rate = api_rate
        self._monotonic = monotonic
        self._clock = clock

    async def answer(self, request: Request) -> Response | None:
        """Return the answer to a request; None closes the connection without one."""
        if request.path.startswith("/v2/"):
            return await self._answer_ses(request)
        if "x-amz-target" in request.headers:
            return await self._sqs(request)
        if request.path == "/" and (request.method == "POST" or "Action=" in request.query):
            return await (self._sts if request.form().get("Version") == STS else self._sns)(request)
        return await self._answer_control(request)

    async def _answer_control(self, request: Request) -> Response:
        match = self._control.find(request.method, request.path)
        if match is None:
            return json_response({"error": "not found"}, status=404)
        if not same_origin(request):
            return json_response({"error": "pages of other sites may not call this"}, status=403)
        try:
            return await match.route.answer(Call(request=request, parameters=match.parameters))
        except (SesError, SnsError, ValueError, KeyError, TypeError) as mistake:
            return json_response({"error": f"{type(mistake).__name__}: {mistake}"}, status=400)

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
        return self._faults.draw(operation, _recipients(call)) if self._faults.rules else None

    async def _answer_with(self, fault: Fault, route: Route, call: Call) -> Response | None:
        if fault.damage is Damage.LATENCY:
            await asyncio.sleep(fault.seconds)
            return await route.answer(call)
        if fault.moment is Moment.BEFORE:
            return await _strike(fault)
        call.mode = fault.name
        await route.answer(call)
        return await _strike(fault)


async def _strike(fault: Fault) -> Response | None:
    if fault.error is not None:
        raise fault.error
    if fault.damage is Damage.HANG:
        await asyncio.sleep(fault.seconds)
    if fault.damage is Damage.NO_MESSAGE_ID:
        return json_response({})
    return None


def _recipients(call: Call) -> list[str]:
    if "EmailAddress" in call.parameters:
        return [call.parameters["EmailAddress"]]
    try:
        content = json.loads(call.request.body or b"{}")
    except ValueError:
        return []
    entries = [content, *content.get("BulkEmailEntries", [])]
    addresses = [address for entry in entries for address in destination_addresses(entry.get("Destination") or {})]
    return addresses + ([content["EmailAddress"]] if "EmailAddress" in content else [])
