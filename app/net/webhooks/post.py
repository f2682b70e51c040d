"""One POST to an endpoint. (A stand-in until the real one is merged.)"""

from collections.abc import Mapping

from app.domain.webhooks.post_result import PostResult


class WebhookPoster:
    """Posts to endpoints."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> PostResult:
        """Post once."""
        raise NotImplementedError(url, headers, body)
