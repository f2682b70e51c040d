"""Deployments for tests: every combination of ways in which events come back."""

from itertools import product
from typing import Any, Final

from app.domain.account.setup.blueprint import Deployment
from app.domain.account.setup.resources import Place

IRELAND: Final = Place(partition="aws", region="eu-west-1", account="123456789012")
URL: Final = "https://mail.example.com"


def deployment(**more: Any) -> Deployment:
    """Return a deployment in Ireland with one domain and an HTTPS subscription; `more` overrides any of it."""
    values: dict[str, Any] = {"name": "postern", "place": IRELAND, "domains": ("example.com",), "url": URL}
    return Deployment(**values | more)


def every_way(place: Place = IRELAND) -> list[Deployment]:
    """Return a deployment for each combination of HTTPS, queue, archive and domains in which events come back."""
    domains = [(), ("example.com",), ("example.com", "mail.example.org")]
    return [
        deployment(place=place, url=url, sqs=sqs, archive=archive, domains=names)
        for url, sqs, archive, names in product(["", URL], [False, True], [False, True], domains)
        if url or sqs
    ]
