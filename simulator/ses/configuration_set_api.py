"""Configuration sets and event destinations, as SES v2 answers them.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSetEventDestination.html
"""

import re
from dataclasses import dataclass
from typing import Any

from simulator.http.calls import Call, Route
from simulator.http.paging import page
from simulator.http.server import Response, json_response
from simulator.iam.arns import ses_arn
from simulator.ses.configuration_sets import (
    ConfigurationSet,
    ConfigurationSets,
    read_delivery,
    read_destination,
    read_reasons,
)
from simulator.ses.errors import already_exists, bad_request, not_found
from simulator.ses.tag_api import read_tags, tag_list
from simulator.sns.errors import SnsError
from simulator.sns.publisher import Publisher

SETS = "/v2/email/configuration-sets"
SET = SETS + "/{ConfigurationSetName}"
DESTINATIONS = SET + "/event-destinations"
DESTINATION = DESTINATIONS + "/{EventDestinationName}"
KEPT = ("TrackingOptions", "VdmOptions", "ArchivingOptions", "MessageSecurityOptions")
"""Parts of a set that do nothing here, and are given back as they were set."""
GREETING = "Successfully validated SNS topic for Amazon SES event publishing."

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationSetApi:
    """The calls about configuration sets and their event destinations."""

    configuration_sets: ConfigurationSets
    publisher: Publisher
    region: str
    account_id: str

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        return [
            Route("POST", SETS, "CreateConfigurationSet", self.create_set),
            Route("POST", "/v2/email/list-configuration-sets", "ListConfigurationSets", self.list_sets),
            Route("GET", SET, "GetConfigurationSet", self.get_set),
            Route("DELETE", SET, "DeleteConfigurationSet", self.delete_set),
            Route("PUT", SET + "/suppression-options", "PutConfigurationSetSuppressionOptions", self.put_reasons),
            Route("PUT", SET + "/sending", "PutConfigurationSetSendingOptions", self.put_sending),
            Route("PUT", SET + "/reputation-options", "PutConfigurationSetReputationOptions", self.put_reputation),
            Route("PUT", SET + "/delivery-options", "PutConfigurationSetDeliveryOptions", self.put_delivery),
            Route("POST", DESTINATIONS, "CreateConfigurationSetEventDestination", self.create_destination),
            Route("GET", DESTINATIONS, "GetConfigurationSetEventDestinations", self.get_destinations),
            Route("PUT", DESTINATION, "UpdateConfigurationSetEventDestination", self.update_destination),
            Route("DELETE", DESTINATION, "DeleteConfigurationSetEventDestination", self.delete_destination),
        ]

    async def create_set(self, call: Call) -> Response:
        """Add a configuration set."""
        content = call.content()
        name = str(content.get("ConfigurationSetName", ""))
        if not _NAME.fullmatch(name):
            raise bad_request("ConfigurationSetName must be 1 to 64 of A-Z, a-z, 0-9, '_' and '-'.")
        options, reputation = content.get("SuppressionOptions"), content.get("ReputationOptions") or {}
        self.configuration_sets.create(
            ConfigurationSet(
                name=name,
                suppressed_reasons=read_reasons(options.get("SuppressedReasons")) if options else None,
                sending_enabled=(content.get("SendingOptions") or {}).get("SendingEnabled", True),
                delivery=read_delivery(content.get("DeliveryOptions") or {}),
                reputation_metrics=bool(reputation.get("ReputationMetricsEnabled", False)),
                others={name: content[name] for name in KEPT if name in content},
                tags=read_tags(content.get("Tags") or []),
            )
        )
        return json_response({})

    async def list_sets(self, call: Call) -> Response:
        """Return a page of the names."""
        shown, token = page(self.configuration_sets.names(), call.content())
        return json_response({"ConfigurationSets": shown} | token)

    async def get_set(self, call: Call) -> Response:
        """Return a set."""
        found = self._set(call)
        content: dict[str, Any] = found.others | {
            "ConfigurationSetName": found.name,
            "DeliveryOptions": found.delivery,
            "ReputationOptions": {"ReputationMetricsEnabled": found.reputation_metrics},
            "SendingOptions": {"SendingEnabled": found.sending_enabled},
            "Tags": tag_list(found.tags),
        }
        if found.suppressed_reasons is not None:
            content["SuppressionOptions"] = {"SuppressedReasons": sorted(found.suppressed_reasons)}
        return json_response(content)

    async def delete_set(self, call: Call) -> Response:
        """Remove a set."""
        self.configuration_sets.delete(call.parameters["ConfigurationSetName"])
        return json_response({})

    async def put_reasons(self, call: Call) -> Response:
        """Give the set suppression reasons of its own, instead of the account's."""
        self._set(call).suppressed_reasons = read_reasons(call.content().get("SuppressedReasons"))
        return json_response({})

    async def put_sending(self, call: Call) -> Response:
        """Pause or resume the set."""
        self._set(call).sending_enabled = bool(call.content().get("SendingEnabled", False))
        return json_response({})

    async def put_reputation(self, call: Call) -> Response:
        """Count bounces and complaints of the set as metrics, or do not."""
        self._set(call).reputation_metrics = bool(call.content().get("ReputationMetricsEnabled", False))
        return json_response({})

    async def put_delivery(self, call: Call) -> Response:
        """Replace how emails of the set are delivered."""
        self._set(call).delivery = read_delivery(call.content())
        return json_response({})

    async def create_destination(self, call: Call) -> Response:
        """Add an event destination and publish SES's greeting to its topic."""
        destinations = self._set(call).destinations
        name = str(call.content().get("EventDestinationName", ""))
        if name in destinations:
            raise already_exists(f"Event destination <{name}> already exists.")
        return self._put_destination(call, name)

    async def update_destination(self, call: Call) -> Response:
        """Replace an event destination and publish SES's greeting to its topic."""
        name = call.parameters["EventDestinationName"]
        if name not in self._set(call).destinations:
            raise not_found(f"Event destination <{name}> does not exist.")
        return self._put_destination(call, name)

    async def get_destinations(self, call: Call) -> Response:
        """Return the event destinations of a set."""
        definitions = [each.definition for each in self._set(call).destinations.values()]
        return json_response({"EventDestinations": definitions})

    async def delete_destination(self, call: Call) -> Response:
        """Remove an event destination."""
        name = call.parameters["EventDestinationName"]
        if self._set(call).destinations.pop(name, None) is None:
            raise not_found(f"Event destination <{name}> does not exist.")
        return json_response({})

    def _set(self, call: Call) -> ConfigurationSet:
        return self.configuration_sets.get(call.parameters["ConfigurationSetName"])

    def _set_arn(self, call: Call) -> str:
        return ses_arn("configuration-set", call.parameters["ConfigurationSetName"], self.region, self.account_id)

    def _put_destination(self, call: Call, name: str) -> Response:
        if not _NAME.fullmatch(name):
            raise bad_request("EventDestinationName must be 1 to 64 of A-Z, a-z, 0-9, '_' and '-'.")
        destination = read_destination(name, call.content().get("EventDestination") or {})
        if destination.topic_arn is not None:
            try:
                self.publisher.publish_for_ses(destination.topic_arn, GREETING, source_arn=self._set_arn(call))
            except SnsError as refusal:
                raise bad_request(f"Could not publish to SNS topic <{destination.topic_arn}>.") from refusal
        self._set(call).destinations[name] = destination
        return json_response({})
