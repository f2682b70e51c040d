"""The tags of identities and configuration sets, as SES v2 answers.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_TagResource.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from simulator.http.calls import Call, Route
from simulator.http.server import Response, json_response
from simulator.ses.configuration_sets import ConfigurationSets
from simulator.ses.errors import SesError, bad_request, limit_exceeded, not_found
from simulator.ses.identities import Identities

TAGS = "/v2/email/tags"
MOST_TAGS = 50

_ARN = re.compile(r"arn:aws[a-z-]*:ses:([a-z0-9-]+):(\d{12}):([a-z-]+)/(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagApi:
    """The calls about tags, by the ARN of what has them."""

    identities: Identities
    configuration_sets: ConfigurationSets
    region: str
    account_id: str

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        return [
            Route("POST", TAGS, "TagResource", self.tag),
            Route("DELETE", TAGS, "UntagResource", self.untag),
            Route("GET", TAGS, "ListTagsForResource", self.list),
        ]

    async def tag(self, call: Call) -> Response:
        """Add or replace tags."""
        content = call.content()
        tags, given = self._tags(str(content.get("ResourceArn", ""))), read_tags(content.get("Tags") or [])
        if len(tags | given) > MOST_TAGS:
            raise limit_exceeded(f"A resource has at most {MOST_TAGS} tags.")
        tags.update(given)
        return json_response({})

    async def untag(self, call: Call) -> Response:
        """Remove tags."""
        query = parse_qs(call.request.query)
        tags = self._tags(query.get("ResourceArn", [""])[0])
        for key in query.get("TagKeys", []):
            tags.pop(key, None)
        return json_response({})

    async def list(self, call: Call) -> Response:
        """Return the tags."""
        tags = self._tags(parse_qs(call.request.query).get("ResourceArn", [""])[0])
        return json_response({"Tags": tag_list(tags)})

    def _tags(self, arn: str) -> dict[str, str]:
        found = _ARN.fullmatch(arn)
        if found is None:
            raise bad_request(f"Failed to parse ARN: {arn}")
        region, account_id, kind, name = found.groups()
        if (region, account_id) != (self.region, self.account_id):
            raise not_found("Resource not found.")
        try:
            if kind == "identity":
                return self.identities.get(name).tags
            if kind == "configuration-set":
                return self.configuration_sets.get(name).tags
        except SesError:
            raise not_found("Resource not found.") from None
        raise not_found("Resource not found.")


def read_tags(given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the tags of a request. Raises SesError."""
    tags = {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in given}
    if not all(0 < len(key) <= 128 and len(value) <= 256 for key, value in tags.items()):
        raise bad_request("A tag has a key of 1 to 128 characters and a value of at most 256.")
    return tags


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as SES shows them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
