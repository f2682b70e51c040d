"""The operations of SES that Postern does not have: each is refused by its name, with what to do instead."""

from pathlib import Path
from typing import Final, Never

from flask import request

from app.domain.apps.callers import Caller
from app.domain.errors import NotFound
from app.web.ses.failures import NotSupported
from app.web.ses.v2.routing import PREFIX, SesOperation, SesRoutes

ses_unsupported = SesRoutes("ses_unsupported", __name__)

OPERATIONS: Final = tuple(
    (method, path, name)
    for method, path, name in (
        line.split() for line in Path(__file__).with_name("unsupported.txt").read_text(encoding="utf-8").splitlines()
    )
)
"""Method, path below `/v2/email` with `*` for a name, and name, as in the service model of botocore."""

_OF_OPERATORS: Final = "The operators of the gateway set it up at SES."
_INSTEAD: Final = {
    "account": _OF_OPERATORS,
    "configuration-sets": f"{_OF_OPERATORS} A configuration set in an email names its stream.",
    "contact-lists": "Postern keeps no lists of contacts: streams have links to unsubscribe.",
    "identities": f"{_OF_OPERATORS} They also decide which addresses an application sends from.",
    "import-jobs": "POST /v1/suppressions/import takes whole lists.",
    "insights": "GET /v1/emails/{id}/events has what happened to an email.",
    "metrics": "GET /v1/stats has counts over time.",
    "templates": "Send the rendered text and html, or give TemplateContent with the email.",
    "tenants": "An application of its own has its own key, limits and list.",
}


@ses_unsupported.operation("GET POST PUT DELETE PATCH", "/<path:rest>", SesOperation(name="any other operation"))
def refuse_operation(rest: str, **_: Caller) -> Never:
    """Raise `NotSupported`, or `NotFound` for a path that is none of SES."""
    given = rest.strip("/").split("/")
    for method, path, name in OPERATIONS:
        if method == request.method and _is_of(path.strip("/").split("/"), given):
            instead = _INSTEAD.get(given[0], "")
            raise NotSupported(f"Postern does not support {name}. {instead}".strip())
    raise NotFound(f"There is no such operation at {PREFIX}.")


def _is_of(path: list[str], given: list[str]) -> bool:
    return len(path) == len(given) and all(step in {"*", one} for step, one in zip(path, given, strict=True))
