"""What is made anew for every gateway, application and simulator, made once for all tests, as far as no test can tell.

Every gateway that is built asks for the newest migration, too; alembic would compile all of them for each. And every
simulator makes a key, which takes longer than all else that it does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from app.aws.clients import sesv2_client
from app.wiring.migrations import code_revisions
from simulator.sns.signing import new_key
from tests.support.libraries.botocore_once import describe_aws_once
from tests.support.libraries.sqlalchemy_once import compile_statements_once
from tests.support.libraries.werkzeug_once import parse_routes_once

_revisions = cache(code_revisions)
_key = cache(new_key)


@contextmanager
def made_once() -> Iterator[None]:
    """It is so in the block."""
    with pytest.MonkeyPatch.context() as patch:
        describe_aws_once(patch)
        parse_routes_once(patch)
        compile_statements_once(patch)
        patch.setattr("app.wiring.operating.code_revisions", _revisions)
        patch.setattr("simulator.sns.signing.new_key", _key)
        yield


def make_now() -> None:
    """Make what takes longest, so that processes that are forked have it."""
    _revisions()
    _key()
    with made_once():
        sesv2_client("us-east-1", pool=1, read_timeout_s=1.0)
