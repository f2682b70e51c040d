"""`/v1/suppressions/{email}/explain` on both databases."""

import json
from collections.abc import Iterator

import pytest

from app.domain.apps.callers import Scope
from app.services.suppression.explanation.layer import LayerName
from tests.support.gateway.web import Web, body_of, problem_of, web_on


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


def test_the_route_gives_the_same_explanation(web: Web) -> None:
    """In JSON, for any spelling of the path; with a problem where the service refuses."""
    key, admin = web.key(), web.key("operators", Scope.ADMIN)
    web.client.post("/v1/suppressions", json={"email": "k/m@example.net", "reason": "By phone."}, headers=key)
    explained = body_of(web.client.get("/v1/suppressions/k%2Fm@example.net/explain?stream=news", headers=key))
    assert (explained["object"], explained["email"], explained["app"], explained["stream"]) == (
        "explanation",
        "k/m@example.net",
        "invites",
        "news",
    )
    assert explained["would_send"] is False
    assert [one["layer"] for one in explained["layers"]] == [name.value for name in LayerName]
    [entry] = explained["layers"][0]["findings"]
    assert (entry["says"], entry["origin"], entry["scope"]) == ("By phone.", "manual", "*")
    assert entry["lift"]["call"].startswith("DELETE /v1/suppressions/k%2Fm@example.net?scope=*")
    assert json.dumps(explained)
    plain = body_of(web.client.get("/v1/suppressions/k/m@example.net/explain", headers=admin))
    assert plain["would_send"] is False
    problem_of(web.client.get("/v1/suppressions/nobody/explain", headers=key), 422, "validation_error")
    problem_of(web.client.get("/v1/suppressions/a@b.example/explain?live=true", headers=key), 403, "restricted_api_key")
    problem_of(web.client.get("/v1/suppressions/a@b.example/explain?live=maybe", headers=key), 422, "validation_error")
