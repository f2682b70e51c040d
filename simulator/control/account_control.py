"""The part of the control surface about the account and what is in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.control.consistency import Consistency
from simulator.control.resources import Resources
from simulator.http.calls import Call, Route
from simulator.http.server import Response, json_response
from simulator.ses.account import Enforcement
from simulator.ses.identities import Verification

PARTS = ("dkim", "mail_from")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountControl:
    """A malformed request raises ValueError, KeyError or TypeError, and changes nothing."""

    resources: Resources
    consistency: Consistency

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        return [
            Route("GET", "/_simulator/resources", "Resources", self.get_resources),
            Route("PUT", "/_simulator/account", "Account", self.put_account),
            Route("PUT", "/_simulator/identities", "Identities", self.put_identities),
            Route("GET", "/_simulator/consistency", "Consistency", self.get_consistency),
            Route("PUT", "/_simulator/consistency", "Consistency", self.put_consistency),
        ]

    async def get_resources(self, _call: Call) -> Response:
        """Return everything that is in the account."""
        return json_response(self.resources.described())

    async def put_account(self, call: Call) -> Response:
        """Change what AWS decides about the account: `{"enforcement"?, "production_access"?}`."""
        asked, account = _asked(call, {"enforcement", "production_access"}), self.resources.account
        enforcement = Enforcement(asked.get("enforcement", account.enforcement))
        account.production_access = bool(asked.get("production_access", account.production_access))
        account.enforcement = enforcement
        return json_response(self.resources.described()["account"])

    async def put_identities(self, call: Call) -> Response:
        """Say how far the verification of new identities gets: `{"verification"}`.

        With `identity` it is about that one, and `dkim` and `mail_from` may differ from the rest of it.
        """
        asked, identities = _asked(call, {"verification", *PARTS, "identity"}), self.resources.account.identities
        given = {name: Verification(asked[name]) for name in ("verification", *PARTS) if name in asked}
        if "identity" in asked:
            identity = identities.get(str(asked["identity"]))
            identity.verification = given.get("verification", identity.verification)
            identity.dkim_verification = given.get("dkim", identity.dkim_verification)
            identity.mail_from_verification = given.get("mail_from", identity.mail_from_verification)
        else:
            identities.new_ones = given["verification"]
        return json_response({"verification": identities.new_ones.value})

    async def get_consistency(self, _call: Call) -> Response:
        """Return the times that are in force."""
        shown = {
            "visible_after_ms": 1000 * self.consistency.delay,
            "queue_name_taken_ms": 1000 * self.resources.queues.name_is_taken_for,
        }
        return json_response(shown)

    async def put_consistency(self, call: Call) -> Response:
        """Set `visible_after_ms`, for what is made from now on, and `queue_name_taken_ms`, both zero by default."""
        asked = _asked(call, {"visible_after_ms", "queue_name_taken_ms"})
        seconds = {name: float(value) / 1000 for name, value in asked.items()}
        self.consistency.delay = seconds.get("visible_after_ms", 0.0)
        self.resources.queues.name_is_taken_for = seconds.get("queue_name_taken_ms", 0.0)
        return await self.get_consistency(call)


def _asked(call: Call, known: set[str]) -> Mapping[str, Any]:
    asked = call.content()
    unknown = set(asked) - known
    if unknown:
        raise ValueError(f"unknown member: {min(unknown)}")
    return asked
