"""The pages of the console with each of their filters, for a gateway with years of history.

A value in braces is an address or another text that a URL has as a token.
"""

from typing import Final

from tests.support.database.history import HOOKS
from tests.support.database.walks import OLD, REQUEST

RECIPIENT: Final = "RECIPIENT"
"""It stands for the id of a recipient."""

_MIDDLE: Final = "01a00000-0000-7000-8000-000000000000"
_BOTH_WAYS: Final = (f"after={_MIDDLE}", f"before={_MIDDLE}")
_DAY: Final = OLD[:10]
_OF_EMAILS: Final = (
    *("", "app=app-1", "app=app-5", "stream=default", "stream=rare", "tag=campaign:c3", "tag=user:77"),
    *("to={person.201@mail201.example.net}", "to={nobody@example.org}"),
    *("actor={importer}", "actor={inviter-77}", "reference={invitation-77}", "reference={none}"),
    *(f"since={_DAY}", f"until={_DAY}"),
    "format=csv&reference={invitation-77}",
)
_OF_SUPPRESSIONS: Final = (
    *("part=past", "origin=unsubscribe", "origin=erasure", "begins={listed.12}", "begins={nothing}"),
    *("domain=mail12.example.net", "domain=nowhere.example.net", "scope=app-5", "scope=*", "app=app-5", "app=app-4"),
)
_HOOK: Final = f"/console/webhooks/{HOOKS['app-1']}"
_OF_AUDIT: Final = (
    *(
        "actor={operator}",
        "actor={nobody}",
        "action=none",
        f"since={_DAY}",
        f"until={_DAY}",
        f"actor={{operator}}&until={_DAY}",
    ),
    "subject={person.201@mail201.example.net}",
    *_BOTH_WAYS,
)

PAGES: Final[dict[str, tuple[str, ...]]] = {
    "/console/counts": ("by=minute", "by=hour", "by=day"),
    "/console/emails": (
        *_OF_EMAILS,
        *_BOTH_WAYS,
        *("state=held", "state=delivered", "last_event=bounced", "last_event=sent", "cause=mailbox_gone"),
        *("lane=bulk", "lane=transactional", "lane=bulk&due=true", "lane=transactional&due=true", "due=true"),
        *("provider=gmail", "provider=orange", "provider=tencent", "provider=orange&state=complained"),
        "provider=gmail&state=bounced&cause=mailbox_gone&app=app-1",
        f"request_id={REQUEST}",
    ),
    "/console/outcomes": (
        *_OF_EMAILS,
        *("outcome=not_delivered", "outcome=unknown", "cause=mailbox_full"),
        *(f"after={RECIPIENT}", f"before={RECIPIENT}"),
    ),
    "/console/held": (*_OF_EMAILS, *_BOTH_WAYS),
    "/console/outcome-links": (*_BOTH_WAYS, "format=csv"),
    "/console/suppressions": ("", *_OF_SUPPRESSIONS, *_BOTH_WAYS),
    "/console/suppressions.csv": (*_OF_SUPPRESSIONS, *_BOTH_WAYS),
    "/console/addresses/{person.201@mail201.example.net}": ("", "app=app-1", "app=app-1&stream=default"),
    "/console/addresses/{@mail201.example.net}": ("",),
    "/console/apps": ("", "status=archived", *_BOTH_WAYS),
    "/console/users": ("", *_BOTH_WAYS),
    "/console/apps.csv": ("status=archived",),
    "/console/apps/app-1": ("",),
    "/console/apps/app-1/keys": ("", "which=ended", *_BOTH_WAYS),
    "/console/apps/app-1/streams": ("", "after=a", "before=z"),
    "/console/failed-deliveries": ("", "app=app-5", "app=none", *_BOTH_WAYS),
    "/console/failed-deliveries.csv": ("app=app-5",),
    _HOOK: ("", "state=waiting", "state=delivered", "state=failed", *_BOTH_WAYS),
    f"{_HOOK}/deliveries.csv": ("state=failed",),
    "/console/incidents": ("", "which=closed", *_BOTH_WAYS),
    "/console/incidents.csv": ("which=closed", *_BOTH_WAYS),
    "/console/notifications": ("which=new", "which=quarantined", "which=parked", "which=refused", *_BOTH_WAYS),
    "/console/notifications.csv": ("which=parked", *_BOTH_WAYS),
    "/console/audit": ("", *_OF_AUDIT),
    "/console/audit.csv": _OF_AUDIT,
}
"""By path: the queries of each page that has any, with values that many rows have, few, and none."""
