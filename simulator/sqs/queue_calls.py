"""The calls about queues: make, find, change, tag and delete them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.sqs.attributes import known
from simulator.sqs.errors import invalid_value, missing, modelled
from simulator.sqs.queue import Queue
from simulator.sqs.queues import Queues

Content = Mapping[str, Any]

MOST_TAGS = 50
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCalls:
    """Each call takes the JSON of the request, and the queue that it names unless it looks for one."""

    queues: Queues
    account_id: str

    async def create(self, content: Content, host: str) -> dict[str, Any]:
        """Return the URL of the queue of this name, made if it did not exist."""
        queue = self.queues.create(
            _required(content, "QueueName"), content.get("Attributes") or {}, content.get("tags") or {}
        )
        return {"QueueUrl": self._url(queue, host)}

    async def find(self, content: Content, host: str) -> dict[str, Any]:
        """Return the URL of the queue of this name."""
        return {"QueueUrl": self._url(self.queues.named(_required(content, "QueueName")), host)}

    async def list(self, content: Content, host: str) -> dict[str, Any]:
        """Return a page of the URLs of queues whose names start with a prefix."""
        found = self.queues.visible(content.get("QueueNamePrefix") or "")
        size, token = content.get("MaxResults") or LARGEST_PAGE, str(content.get("NextToken") or "0")
        if not isinstance(size, int) or not 0 < size <= LARGEST_PAGE or not token.isdecimal():
            raise invalid_value(f"MaxResults must be 1 to {LARGEST_PAGE}, and NextToken that of the page before.")
        start = int(token)
        urls = [self._url(queue, host) for queue in found[start : start + size]]
        # SQS gives a token only to callers who say how many they want.
        further = {"NextToken": str(start + size)} if "MaxResults" in content and start + size < len(found) else {}
        return ({"QueueUrls": urls} if urls else {}) | further

    async def get_attributes(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Return the attributes that are asked for, as far as the queue has them."""
        asked = content.get("AttributeNames") or []
        unknown = [name for name in asked if not known(name)]
        if unknown:
            raise modelled("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
        present = (
            queue.attributes
            | queue.counts()
            | {
                "QueueArn": queue.arn,
                "CreatedTimestamp": str(int(queue.created_at)),
                "LastModifiedTimestamp": str(int(queue.modified_at)),
            }
        )
        chosen = {name: value for name, value in present.items() if name in asked or "All" in asked}
        return {"Attributes": chosen} if chosen else {}

    async def set_attributes(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Change attributes; those that are not named stay."""
        if "Attributes" not in content:
            raise missing("Attribute.Name")
        self.queues.set_attributes(queue, content["Attributes"])
        return {}

    async def delete(self, queue: Queue, _content: Content) -> dict[str, Any]:
        """Remove the queue."""
        self.queues.delete(queue)
        return {}

    async def purge(self, queue: Queue, _content: Content) -> dict[str, Any]:
        """Remove every message."""
        queue.purge()
        return {}

    async def tag(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Add or replace tags."""
        tags = queue.tags | dict(content.get("Tags") or {})
        if len(tags) > MOST_TAGS:
            raise modelled("OverLimit", f"Too many tags added for queue {queue.name}.")
        queue.tags = tags
        return {}

    async def untag(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Remove tags."""
        removed = set(content.get("TagKeys") or ())
        queue.tags = {name: value for name, value in queue.tags.items() if name not in removed}
        return {}

    async def tags(self, queue: Queue, _content: Content) -> dict[str, Any]:
        """Return the tags."""
        return {"Tags": queue.tags} if queue.tags else {}

    def _url(self, queue: Queue, host: str) -> str:
        return f"http://{host}/{self.account_id}/{queue.name}"


def _required(content: Content, name: str) -> str:
    if not content.get(name):
        raise missing(name)
    return str(content[name])
