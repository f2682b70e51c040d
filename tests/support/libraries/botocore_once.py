"""What botocore makes anew for every client, made once for all tests.

Otherwise it takes most of the time that a gateway takes to build.
"""

import os
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TypeVar

import botocore.hooks
import botocore.session
import botocore.useragent
import pytest
from botocore.compat import accepts_kwargs
from botocore.hooks import EventAliaser
from botocore.loaders import create_loader
from botocore.useragent import sanitize_user_agent_string_component

from app.aws.clients import sesv2_client

Made = TypeVar("Made")
_loader_for = cache(create_loader)


def describe_aws_once(patch: pytest.MonkeyPatch) -> None:
    """Botocore reads its description of AWS once, not for every session, and does not ask whether this is an EC2 host.

    It also looks up once what each of its own handlers takes, the current name of each of its events, and the clean
    form of each part of its user agent. Gateways alike share a client of SES.
    """
    patch.setattr(botocore.session, "create_loader", _loader_for)
    patch.setattr(botocore.hooks, "accepts_kwargs", lru_cache(maxsize=1024)(accepts_kwargs))
    clean = cache(sanitize_user_agent_string_component)
    patch.setattr(botocore.useragent, "sanitize_user_agent_string_component", clean)
    names: dict[str, str] = {}
    patch.setattr(EventAliaser, "_alias_name_cache", property(lambda _: names, lambda *_: None), raising=False)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setattr("app.wiring.foundation.sesv2_client", once(sesv2_client))


def once(make: Callable[..., Made]) -> Callable[..., Made]:
    """What `make` makes, kept for the same arguments in the same environment."""
    made: dict[object, Made] = {}

    def kept(*arguments: object, **options: object) -> Made:
        environment = frozenset(pair for pair in os.environ.items() if pair[0] != "PYTEST_CURRENT_TEST")
        key = (arguments, tuple(options.items()), environment)
        if key not in made:
            made[key] = make(*arguments, **options)
        return made[key]

    return kept
