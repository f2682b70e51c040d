"""What the tests of pages share: a browser for each module, and axe-core."""

from collections.abc import Iterator

import pytest

from tests.support.browser.axe import Axe, axe_core
from tests.support.browser.browser import Browser, browsing


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Axe:
    return axe_core(tmp_path_factory.mktemp("axe"))
