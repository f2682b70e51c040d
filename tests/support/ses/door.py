"""The SES door of a gateway behind a real HTTP server, and clients of AWS's own SDK for Python that call it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import botocore.session
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.validate import ParamValidator
from redis import Redis

from app.domain.apps.callers import Scope
from tests.support.gateway.gateways import issue
from tests.support.gateway.web import Web, web_on
from tests.support.servers.served import served

REGION = "eu-west-1"

REQUESTS_PER_SECOND = 10_000
"""More than any test makes."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key as AWS's SDKs take it."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def of(cls, token: str) -> "Credentials":
        """The two parts of a key of Postern: its id, and the 43 characters of its secret."""
        return cls(token[:-44], token[-43:])


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway that is served at `url`."""

    web: Web
    url: str

    def credentials(self, *scopes: Scope, app: str = "invites", **more: Any) -> Credentials:
        """A new key of an application that may send from `@example.com`; by default with every scope except admin."""
        chosen = frozenset(scopes) or frozenset(Scope) - {Scope.ADMIN}
        return Credentials.of(issue(self.web.gateway, app=app, scopes=chosen, **more).token)

    def client(self, service: str = "sesv2", *, as_: Credentials | None = None, attempts: int = 1, **more: Any) -> Any:
        """A client of boto3, as an application has it; by default with a new key. `more` configures it."""
        return boto3_client(service, self.url, as_ or self.credentials(), attempts=attempts, **more)


def boto3_client(service: str, url: str, key: Credentials, *, attempts: int = 1, **more: Any) -> Any:
    """A client of boto3 with this key for the door at `url`; `more` configures it."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, **more),
    )


@contextmanager
def door_on(sqlite_template: Path, redis_url: str, **more: Any) -> Iterator[Door]:
    """Yield a door on a fresh SQLite database, to which a test may come often; `more` overrides settings."""
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    with TemporaryDirectory() as directory:
        file = Path(copy(sqlite_template, Path(directory) / "postern.sqlite3"))
        settings = {"requests_per_second": REQUESTS_PER_SECOND, **more}
        with web_on(f"sqlite:///{file}", redis_url, **settings) as web, served(web) as url:
            yield Door(web, url)


def signed(
    door: Door, key: Credentials, method: str, path: str, body: bytes = b"", **headers: str
) -> urllib3.BaseHTTPResponse:
    """Send one request with a signature, once, and return its answer."""
    request = AWSRequest(method=method, url=door.url + path, data=body, headers=headers)
    SigV4Auth(BotoCredentials(key.access_key_id, key.secret_access_key), "ses", REGION).add_auth(request)
    return urllib3.request(method, door.url + path, body=body, headers=dict(request.headers.items()), retries=False)


def accords_with_the_model(operation: str, answer: dict[str, Any], *, service: str = "sesv2") -> None:
    """Assert that an answer, as botocore has read it, is what botocore's model of SES says of it."""
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).output_shape
    read = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    assert shape is not None
    report = ParamValidator().validate(read, shape)
    assert not report.has_errors(), report.generate_report()
