"""Every page of the console is found by those who start at the overview."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from app.domain.users.roles import Role
from app.web.console.frame.operations import page_operation_of
from tests.support.console.crawl import crawl
from tests.support.console.people import signed_in
from tests.support.console.stories import ATTACK, fill
from tests.support.gateway.web import Web, web_on

ADDRESS: Final = re.compile(r"\w@[\w-]+\.")
"""A mask has a bullet before the @."""

NOT_LINKED = {
    "console_assets.get_asset": "a file of pages",
    "front_page.get_home": "it leads to the console",
    "front_page.get_nothing": "there is no such page",
    "openid.begin_openid": "for those who are not signed in, where there is a provider",
    "openid.finish_openid": "the provider leads there",
    "openid.show_signed_out": "for those who have signed out, where there is a provider",
    "sign_in.show_sign_in": "for those who are not signed in",
    "sign_in.sign_in_with_link": "for those who are not signed in",
}


@pytest.fixture
def web(migrated_sqlite_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_sqlite_url, redis_url) as made:
        fill(made)
        yield made


def test_every_page_is_reached_by_links(web: Web) -> None:
    """An admin gets from the overview to each page, and each of them opens."""
    there_are = {
        rule.endpoint
        for rule in web.client.application.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and page_operation_of(web.client.application.view_functions[rule.endpoint])
    }
    assert there_are - NOT_LINKED.keys() == crawl(web, signed_in(web)).keys() - NOT_LINKED.keys()


@pytest.mark.parametrize("role", Role)
def test_no_link_leads_where_a_role_may_not_go(web: Web, role: Role) -> None:
    """Each link that a page offers to somebody opens; the crawl fails on one that does not."""
    assert "overview.show_overview" in crawl(web, signed_in(web, role))


def test_a_viewer_sees_no_address_and_nothing_hostile_runs(web: Web) -> None:
    """On every page, and in every download; what an application or a mail server wrote is text."""
    viewer, admin = signed_in(web, Role.VIEWER), signed_in(web)
    for paths in crawl(web, viewer).values():
        for path in paths:
            assert not ADDRESS.search(viewer.get(path).text), path
    for paths in crawl(web, admin).values():
        for answer in map(admin.get, paths):
            assert answer.mimetype != "text/html" or ATTACK not in answer.text, answer.request.path
