"""Requests with up to ten entries, each of which succeeds or fails by itself."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from simulator.sqs.errors import SqsError, older

MOST_ENTRIES = 10

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

Act = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def each_entry(entries: list[Mapping[str, Any]], kind: str, act: Act) -> dict[str, Any]:
    """Return the results of `act` for every entry. Raises SqsError when the batch as a whole is refused."""
    if not entries:
        message = f"There should be at least one {kind}BatchRequestEntry in the request."
        raise older("EmptyBatchRequest", message)
    if len(entries) > MOST_ENTRIES:
        message = f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}."
        raise older("TooManyEntriesInBatchRequest", message)
    ids = [str(entry.get("Id", "")) for entry in entries]
    if not all(_ID.fullmatch(one) for one in ids):
        message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
        raise older("InvalidBatchEntryId", message + "It can be at most 80 letters long.")
    repeated = next((one for position, one in enumerate(ids) if one in ids[:position]), None)
    if repeated is not None:
        raise older("BatchEntryIdsNotDistinct", f"Id {repeated} repeated.")
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for one, entry in zip(ids, entries, strict=True):
        try:
            successful.append({"Id": one, **act(entry)})
        except SqsError as refusal:
            failed.append({"Id": one, "SenderFault": True, "Code": refusal.code, "Message": refusal.message})
    return {"Successful": successful} | ({"Failed": failed} if failed else {})
