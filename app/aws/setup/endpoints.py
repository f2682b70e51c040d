"""Whether a client calls AWS itself, and how fast SES may be called there."""

import time
from typing import Any, Final
from urllib.parse import urlsplit

_OF_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")
_SECONDS_BETWEEN_CALLS: Final = 1.0


def is_of_aws(client: Any) -> bool:
    """Whether a client of boto3 calls AWS itself, and not what stands in for it."""
    return (urlsplit(client.meta.endpoint_url).hostname or "").endswith(_OF_AWS)


def pace(client: Any) -> None:
    """Let a client of SES begin one call each second, if it calls AWS itself.

    SES takes no more of each kind that is no send (https://docs.aws.amazon.com/ses/latest/dg/quotas.html).
    """
    if is_of_aws(client):
        client.meta.events.register("before-call", _Pace().wait)


class _Pace:
    """Lets one call begin each second."""

    def __init__(self) -> None:
        self._next_at = 0.0

    def wait(self, **_: Any) -> None:
        """Wait for the turn; a handler of botocore's `before-call`."""
        pause = self._next_at - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        self._next_at = time.monotonic() + _SECONDS_BETWEEN_CALLS
